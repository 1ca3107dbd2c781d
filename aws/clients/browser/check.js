// Serves web pages of several origins to Debian's Chromium. Their scripts try in every
// way they can to read and change what weir serve holds; it is then seen whether they
// read anything, and whether anything changed. ../run builds weir and starts this.

import { spawn } from "node:child_process";
import assert from "node:assert/strict";
import { appendFileSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect, createServer as createRelay } from "node:net";
import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "playwright-core";
import { SEEN, ways } from "./ways.js";

const playwright = JSON.parse(readFileSync(new URL("./node_modules/playwright-core/package.json", import.meta.url))).version;

// Names that the browser, and nobody else, finds on this machine.
const ELSEWHERE = "pages.example.net";
const FRIEND = "friend.example.net";
const REBOUND = "rebound.example.net";

// The name of a stream that no page is told.
const SECRET = "secret-orders";

// The access key by which the log tells this program's calls from those of pages.
const KEY = "CHECK";

/** A running weir serve with two streams, one of which has records. */
class Weir {
  static async start(...flags) {
    const w = new Weir();
    w.process = spawn(process.env.WEIR, ["serve", "--listen", "127.0.0.1:0", "--stream", `orders:1,${SECRET}:1`,
      "--delay", "0s", "--limits", "none", "--log", "json", ...flags], { stdio: ["ignore", "pipe", "pipe"] });
    w.log = []; // of the requests of pages
    createInterface(w.process.stderr).on("line", (line) => {
      const request = JSON.parse(line);
      if (request.access_key !== KEY) w.log.push(request);
    });
    const ended = new Promise((_, reject) => w.process.on("exit", () => reject(new Error("weir serve ended"))));
    ended.catch(() => {});
    const line = await Promise.race([ended, new Promise((done) => createInterface(w.process.stdout).once("line", done))]);
    w.port = Number(new URL(line.split(" ").at(-1)).port);
    for (const Data of ["b25l", "dHdv"]) await w.call("PutRecord", { StreamName: "orders", PartitionKey: "k", Data });
    return w;
  }

  stop() {
    this.process.kill();
  }

  /** Calls an operation as no page does: without an Origin, and with a key. */
  async call(operation, input) {
    const answer = await fetch(`http://127.0.0.1:${this.port}/`, {
      method: "POST", body: JSON.stringify(input),
      headers: {
        "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Kinesis_20131202." + operation,
        Authorization: `AWS4-HMAC-SHA256 Credential=${KEY}/20260101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0`,
      },
    });
    const text = await answer.text();
    assert.equal(answer.status, 200, `${operation}: ${text}`);
    return text && JSON.parse(text);
  }

  /** All that a page may change: streams, and the records of each. */
  async contents() {
    const all = {};
    for (const StreamName of (await this.call("ListStreams", {})).StreamNames) {
      const { StreamDescriptionSummary } = await this.call("DescribeStreamSummary", { StreamName });
      const { ShardIterator } = await this.call("GetShardIterator",
        { StreamName, ShardId: "shardId-000000000000", ShardIteratorType: "TRIM_HORIZON" });
      const { Records } = await this.call("GetRecords", { ShardIterator });
      all[StreamName] = { StreamDescriptionSummary, Records };
    }
    return all;
  }

  /** Makes the stream that pages try to delete, and deletes the one that they make. */
  async tidy() {
    const names = (await this.call("ListStreams", {})).StreamNames;
    if (!names.includes("victim")) await this.call("CreateStream", { StreamName: "victim", ShardCount: 1 });
    if (names.includes("made-by-a-page")) await this.call("DeleteStream", { StreamName: "made-by-a-page" });
  }
}

/** Serves the pages: one, whatever its path and whoever's name, and what it imports. */
async function servePages() {
  const script = readFileSync(new URL("./ways.js", import.meta.url));
  const server = createServer((request, response) => {
    const isScript = request.url === "/ways.js";
    response.writeHead(200, { "Content-Type": isScript ? "text/javascript" : "text/html", "Access-Control-Allow-Origin": "*",
      Connection: "close" });
    response.end(isScript ? script : `<!doctype html><title>a page</title><body><script type="module">
      window.ways = import("/ways.js").then((m) => m.ways);</script>`);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { server, port: server.address().port };
}

/**
 * Stands for a name that points to the page's server first and to this machine's
 * weir later, at one port: it passes on what comes to the one, or to the other.
 */
async function startRelay() {
  const relay = { to: 0 };
  relay.server = createRelay((socket) => {
    const other = connect(relay.to, "127.0.0.1");
    for (const [from, to] of [[socket, other], [other, socket]]) {
      from.pipe(to);
      from.on("error", () => to.destroy());
    }
  });
  await new Promise((done) => relay.server.listen(0, "127.0.0.1", done));
  relay.port = relay.server.address().port;
  return relay;
}

/**
 * Tries all ways from a page, or its sandboxed frame, on a server, and records of
 * each whether it came to what it should: "allowed" and "own" as ways says, "refused"
 * to nothing.
 */
async function tryAll(browser, { name, weir, url, base, sandboxed, relay, should }) {
  const context = await browser.newContext();
  if (relay) relay.to = pages.port;
  const page = await context.newPage();
  await page.goto(url);
  let frame = page.mainFrame();
  if (sandboxed) {
    await page.evaluate(() => new Promise((done) => {
      const it = Object.assign(document.createElement("iframe"), { src: "/", onload: done });
      it.sandbox = "allow-scripts allow-forms";
      document.body.append(it);
    }));
    frame = page.frames()[1];
    assert.equal(await frame.evaluate(() => self.origin), "null");
  }
  await frame.evaluate(async () => (window.ways = await window.ways).length);
  if (relay) relay.to = weir.port;
  for (const [i, way] of ways.entries()) {
    await weir.tidy();
    const before = await weir.contents();
    const arrived = weir.log.length;
    const got = await frame.evaluate(([i, base]) => window.ways[i].go(base), [i, base]);
    const deadline = Date.now() + 5000;
    const requests = () => weir.log.slice(arrived);
    while (!requests().length && Date.now() < deadline) await sleep(5);
    const changed = !isDeepStrictEqual(await weir.contents(), before);
    const came = [(got.includes(SECRET) || got.includes(SEEN)) && "reads", changed && "changes"].filter(Boolean).join(" ");
    const wanted = should === "refused" ? "" : should === "own" ? way.own ?? way.allowed : way.allowed;
    let detail = "";
    if (came !== wanted) detail = `the page ${came || "gets nothing"}, should be ${wanted || "nothing"}: ${got.slice(0, 200)}`;
    else if (!requests().length) detail = "no request came";
    else if (should === "refused" && requests().some((r) => r.status < 400)) detail = "the server did what was asked";
    record(browser, name, way.name, detail);
  }
  await context.close();
}

function record(browser, protocol, check, detail) {
  if (detail) {
    console.error(`FAIL ${protocol}: ${check}: ${detail}`);
    process.exitCode = 1;
  }
  appendFileSync(process.env.WEIR_RESULTS, JSON.stringify({ client: "Chromium",
    version: `${browser.version().split(".")[0]}, driven by playwright-core ${playwright}`, protocol, check, pass: !detail, detail }) + "\n");
}

const pages = await servePages();
const relay = await startRelay();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: [`--host-resolver-rules=MAP ${REBOUND} 127.0.0.1:${relay.port}, MAP *.example.net 127.0.0.1`, "--ignore-certificate-errors"],
});
const page = (host) => `http://${host}:${pages.port}`;
const running = [];
const start = async (...flags) => {
  running.push(await Weir.start(...flags));
  return running.at(-1);
};
const on = (weir, scheme = "http") => ({ weir, base: `${scheme}://127.0.0.1:${weir.port}` });
const rebound = (weir) => ({ weir, relay, url: `http://${REBOUND}:${weir.port}/`, base: `http://${REBOUND}:${weir.port}` });

try {
  const closed = await start("--tls");
  const friendly = await start("--allow-origin", page(FRIEND));
  const named = await start("--allow-host", REBOUND);
  const open = await start("--allow-origin", "*");
  for (const scenario of [
    { name: "another port", ...on(closed), url: page("127.0.0.1"), should: "refused" },
    { name: "another host", ...on(closed), url: page(ELSEWHERE), should: "refused" },
    { name: "another host, TLS", ...on(closed, "https"), url: page(ELSEWHERE), should: "refused" },
    { name: "a sandboxed frame", ...on(closed), url: page(ELSEWHERE), sandboxed: true, should: "refused" },
    { name: "a rebound name", ...rebound(closed), should: "refused" },
    { name: "another than `--allow-origin` names", ...on(friendly), url: page(ELSEWHERE), should: "refused" },
    { name: "the one that `--allow-origin` names", ...on(friendly), url: page(FRIEND), should: "allowed" },
    { name: "any, with `--allow-origin '*'`", ...on(open), url: page(ELSEWHERE), should: "allowed" },
    { name: "a rebound name, with `--allow-host`", ...rebound(named), should: "own" },
  ]) await tryAll(browser, scenario);
} finally {
  await browser.close();
  for (const weir of running) weir.stop();
  pages.server.close();
  relay.server.close();
}
