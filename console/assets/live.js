// Follows what happens: while the page is visible it is asked for once a second, and
// what has changed of the parts marked data-live takes the place of what is there.
// Without this script the page is what it was when it was loaded.
"use strict";

const every = 1000;
const follow = document.getElementById("follow");
const pause = document.getElementById("pause");
let paused = false;

// A note is said once; it need not be in the address of the page that is followed.
const address = new URL(location.href);
if (address.searchParams.has("said")) {
  address.searchParams.delete("said");
  history.replaceState(null, "", address);
}

function say(state, text) {
  if (follow.className !== "follow " + state) follow.className = "follow " + state;
  const words = follow.lastElementChild;
  if (words.textContent !== text) words.textContent = text;
}

// replace takes over a part, and gives the focus back to the link that had it.
function replace(old, next) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  if (focused && !focused.matches("a[href]") && focused !== old) return;
  const opened = new Map([...old.querySelectorAll("details > summary > strong")].map((s) => [s.textContent, s.closest("details").open]));
  const at = old.scrollLeft;
  const scrolled = [...old.querySelectorAll(".scroll")].map((e) => e.scrollLeft);
  old.replaceChildren(...next.childNodes);
  for (const s of old.querySelectorAll("details > summary > strong")) {
    s.closest("details").open = opened.get(s.textContent) ?? s.closest("details").open;
  }
  old.scrollLeft = at;
  old.querySelectorAll(".scroll").forEach((e, i) => { e.scrollLeft = scrolled[i] ?? 0; });
  if (focused && focused !== old) {
    const href = focused.getAttribute("href");
    [...old.querySelectorAll("a[href]")].find((a) => a.getAttribute("href") === href)?.focus({ preventScroll: true });
  }
}

// parts names what of a page follows.
const parts = (page) => [...page.querySelectorAll("[data-live]")].map((e) => e.id).join();

// isFilledIn reports whether somebody has begun to fill in a form.
function isFilledIn() {
  return document.activeElement.matches("input, select, textarea") ||
    [...document.querySelectorAll("input, textarea")].some((e) => e.value !== e.defaultValue);
}

// become takes over a page that has other parts: of a stream that is active now, or
// has its first queue. What was said of a change stays.
function become(page) {
  const main = document.querySelector("main");
  main.replaceChildren(...main.querySelectorAll(":scope > .note"), ...page.querySelector("main").childNodes);
  document.querySelector(".tabs")?.replaceChildren(...page.querySelector(".tabs").childNodes);
}

async function look() {
  if (!paused && !document.hidden) {
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (parts(page) !== parts(document) && !isFilledIn()) {
          become(page);
        }
        for (const old of document.querySelectorAll("[data-live]")) {
          const next = page.getElementById(old.id);
          if (next && next.innerHTML !== old.innerHTML) replace(old, next);
        }
        say("live", "live");
      } else {
        say("lost", "refused");
      }
    } catch {
      say("lost", "not answering");
    }
  }
  setTimeout(look, every);
}

if (document.body.dataset.follow && follow) {
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    if (paused) say("paused", "paused");
  });
  setTimeout(look, every);
}

// keyUnder returns the hash key of a range at a place of the box that is the range.
function keyUnder(box, event) {
  const start = BigInt(box.dataset.start), end = BigInt(box.dataset.end);
  const at = box.getBoundingClientRect();
  const part = Math.min(Math.max((event.clientX - at.left) / at.width, 0), 1);
  return start + (end - start + 1n) * BigInt(Math.round(part * 1e6)) / 1000000n;
}

document.addEventListener("click", (event) => {
  const box = event.target.closest?.("rect[data-start]");
  if (!box) return;
  const link = box.closest("a")?.getAttribute("href");
  const split = link?.startsWith("change?") ? link : box.closest("[data-cut]")?.dataset.cut;
  if (!split) return;
  event.preventDefault();
  const to = new URL(split, location.href);
  to.searchParams.set("key", keyUnder(box, event).toString());
  location.assign(to);
});

// A command is copied by its button, which without this script is not shown. Where
// the browser refuses to copy, the command is selected instead.
for (const button of document.querySelectorAll(".command button")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button.closest(".command")));
}

async function copy(command) {
  const text = command.querySelector("code"), said = command.querySelector("[role=status]");
  said.textContent = ""; // what is said again is heard only if it was gone
  let words = "Copied";
  try {
    await navigator.clipboard.writeText(text.textContent);
  } catch { // refused, or the address is one of those that have no clipboard
    getSelection().selectAllChildren(text);
    words = "Selected: press Ctrl+C, or Command+C on a Mac";
  }
  setTimeout(() => { said.textContent = words; }, 50);
}
