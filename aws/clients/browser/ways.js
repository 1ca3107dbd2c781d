// The ways in which a page's script may try to read or change what another server
// has. The page imports this file to try them, and check.js to know their names.

/** What is asked of the server in each way that can ask for operations. */
export const operations = {
  ListStreams: {},
  PutRecord: { StreamName: "orders", PartitionKey: "page", Data: "cGFnZQ==" },
  CreateStream: { StreamName: "made-by-a-page", ShardCount: 1 },
  DeleteStream: { StreamName: "victim" },
};

const paths = ["/", "/_weir/health", "/_weir/metrics"];

const json = "application/x-amz-json-1.1";
const target = (operation) => "Kinesis_20131202." + operation;

// Where no header can be added the operation is in the address, in case that helps.
const inAddress = (base, operation) =>
  `${base}/service/Kinesis_20131202/operation/${operation}?X-Amz-Target=${target(operation)}&Action=${operation}`;

/** What a way returns that shows something other than text. */
export const SEEN = "seen: ";

/** Tries every operation, and returns all that could be read. */
async function each(call) {
  let got = "";
  for (const [operation, input] of Object.entries(operations)) {
    got += await call(operation, JSON.stringify(input)).catch(() => "");
  }
  return got;
}

const fetched = async (url, options) => (await fetch(url, options)).text();

const post = (type, encode = (body) => body) => (base) => each((operation, body) =>
  fetched(base, { method: "POST", body: encode(body), headers: { "Content-Type": type, "X-Amz-Target": target(operation) } }));

// The empty object in CBOR, which is enough to ask for the streams.
const emptyCBOR = () => new Uint8Array([0xa0]);

/** Adds an element to the page, and returns it when it has loaded or failed. */
function loaded(element) {
  return new Promise((done) => {
    element.onload = element.onerror = () => done(element);
    document.body.append(element);
  });
}

const element = (name, properties) => Object.assign(document.createElement(name), properties);

/** What is seen of a frame: of another origin's, nothing. */
function inside(frame) {
  try {
    return frame.contentDocument.body.textContent;
  } catch {
    return "";
  }
}

/** What is seen of a sheet. */
function rules(link) {
  try {
    return link.sheet.cssRules.length > 0 ? SEEN + "rules" : "";
  } catch {
    return "";
  }
}

/** Loads each path as an element does, and returns what sees of it. */
async function elements(base, name, address, sees) {
  let got = "";
  for (const path of paths) {
    const it = await loaded(element(name, { rel: "stylesheet", [address]: base + path }));
    got += sees(it);
    it.remove();
  }
  return got;
}

// A form's answer comes into a frame.
const form = (enctype) => (base) => each(async (operation, body) => {
  const frame = await loaded(element("iframe", { name: "answer", src: "about:blank" }));
  const sent = element("form", { method: "POST", enctype, action: inAddress(base, operation), target: "answer" });
  // As text, a field is its name, = and its value: so it is an object of JSON.
  sent.append(element("input", { name: body.slice(0, -1) + (body === "{}" ? "" : ",") + '"x":"', value: '"}' }));
  const answered = new Promise((done) => (frame.onload = done));
  document.body.append(sent);
  sent.submit();
  await answered;
  const got = inside(frame);
  frame.remove();
  sent.remove();
  return got;
});

function xhr(base) {
  return each((operation, body) => new Promise((done) => {
    const x = new XMLHttpRequest();
    x.open("POST", base);
    x.setRequestHeader("Content-Type", json);
    x.setRequestHeader("X-Amz-Target", target(operation));
    x.onloadend = () => done(x.responseText + x.getAllResponseHeaders());
    x.send(body);
  }));
}

/** Posts from a worker that the page makes of text. */
async function worker(base) {
  const text = `onmessage = async ({ data: [url, options] }) =>
    postMessage(await fetch(url, options).then((r) => r.text(), () => ""))`;
  const w = new Worker(URL.createObjectURL(new Blob([text])));
  try {
    return await each((operation, body) => new Promise((done) => {
      w.onmessage = (e) => done(e.data);
      w.postMessage([base, { method: "POST", body, headers: { "Content-Type": json, "X-Amz-Target": target(operation) } }]);
    }));
  } finally {
    w.terminate();
  }
}

async function get(base) {
  let got = "";
  for (const path of paths) got += await fetched(base + path).catch(() => "");
  return got;
}

/** Opens a socket or a source of events, and returns the first thing it says. */
function opened(source) {
  return new Promise((done) => {
    source.onmessage = (e) => done(SEEN + e.data);
    source.onopen = () => done(SEEN + "it opened");
    source.onerror = () => done("");
  }).finally(() => source.close());
}

/**
 * The ways. Of each: what the page does with the server's streams where it is allowed,
 * "reads" or "changes" or both or neither; and own is the same for a page of the
 * server's own origin, where that is more. go returns all that the page could see.
 */
export const ways = [
  { name: "fetch, as SDKs call", allowed: "reads changes", go: post(json) },
  { name: "fetch, as SDKs call in CBOR", allowed: "reads", go: post("application/x-amz-cbor-1.1", emptyCBOR) },
  { name: "fetch, text/plain with a target", allowed: "", go: post("text/plain") },
  {
    name: "fetch, text/plain without a preflight", allowed: "",
    go: (base) => each((operation, body) => fetched(inAddress(base, operation), { method: "POST", body })),
  },
  {
    name: "fetch, no-cors", allowed: "",
    go: (base) => each((operation, body) => fetched(inAddress(base, operation), { method: "POST", body, mode: "no-cors" })),
  },
  { name: "fetch in a worker", allowed: "reads changes", go: worker },
  { name: "fetch, GET", allowed: "", own: "reads", go: get },
  { name: "XMLHttpRequest", allowed: "reads changes", go: xhr },
  {
    name: "sendBeacon", allowed: "",
    go: (base) => each(async (operation, body) => {
      navigator.sendBeacon(inAddress(base, operation), body);
      return "";
    }),
  },
  { name: "form, text/plain", allowed: "", go: form("text/plain") },
  { name: "form, urlencoded", allowed: "", go: form("application/x-www-form-urlencoded") },
  { name: "form, multipart", allowed: "", go: form("multipart/form-data") },
  { name: "WebSocket", allowed: "", go: (base) => opened(new WebSocket(base.replace("http", "ws"))) },
  { name: "EventSource", allowed: "", go: (base) => opened(new EventSource(base)) },
  { name: "iframe", allowed: "", own: "reads", go: (base) => elements(base, "iframe", "src", inside) },
  { name: "img", allowed: "", go: (base) => elements(base, "img", "src", (i) => (i.naturalWidth > 0 ? SEEN + "an image" : "")) },
  { name: "stylesheet", allowed: "", go: (base) => elements(base, "link", "href", (l) => rules(l)) },
  {
    name: "script", allowed: "",
    go: async (base) => {
      const before = Object.keys(window).length;
      await elements(base, "script", "src", () => "");
      return Object.keys(window).length > before ? SEEN + "globals" : "";
    },
  },
];
