// Wires the page together: what is picked or dropped, the menus, the list, what is remembered.

import { formats } from "./api.js";
import { Choices } from "./choices.js";
import { confirmed } from "./confirm.js";
import { Estimates, sumInWords } from "./estimate.js";
import { Flow } from "./flow.js";
import { Frames } from "./frames.js";
import { isOffline } from "./offline.js";
import { Options } from "./options.js";
import { backoff, sleep } from "./plan.js";
import { listenToOthers, remembered } from "./store.js";
import { announceTab, otherTabs } from "./tabs.js";
import { Totals } from "./totals.js";
import { Listing } from "./view.js";
import { bytes, keptFor } from "./words.js";

const find = (selector) => document.querySelector(selector);
const picker = find("#files");
const hint = find("#hint");

const choices = new Choices({
  format: find("#format"), quality: find("#quality"), options: new Options(find("#options")), changed: () => weigh(),
});
const listing = new Listing({
  section: find("#listing"), list: find("#list"), announcer: find("#announcer"),
  act: (name, item) => (name === "choose" ? picker.click() : flow[name](item, choices.value)),
});
const totals = new Totals({
  said: find("#totals"), interrupted: find("#interrupted"), zips: find("#zips"), removeAll: find("#remove-all"),
});
const frames = new Frames((item) => listing.show(item), () => count());
const flow = new Flow({
  changed: (item) => frames.add(item),
  removed: (item) => {
    listing.remove(item);
    frames.drop(item);
  },
});
flow.tab = announceTab();
const estimates = new Estimates(({ sizes, count: files, problem = "" }) => {
  const { quality } = choices.value;
  choices.weigh(sizes);
  find("#estimate").textContent = problem || sumInWords(sizes[quality], files);
});

function count() {
  const items = [...flow.items.values()];
  const open = items.filter((item) => flow.isOpen(item)).length;
  const text = open > 1 ? `Convert ${open} files` : "Convert";
  if (find("#convert").textContent !== text) find("#convert").textContent = text;
  totals.show(items);
  listing.reveal();
  weigh();
}

/** Ask what is ready what it would weigh. */
function weigh() {
  const ready = [...flow.items.values()].filter((item) => item.state === "ready" && !item.wanted);
  const { format, options } = choices.value;
  if (!choices.options.valid) return;
  estimates.ask(ready.map((item) => item.fileId), { format, options }, choices.qualities);
}

function tell(message) {
  hint.textContent = message;
  hint.hidden = !message;
  if (message) listing.say(message);
}

function add(files) {
  tell("");
  flow.add(files);
}

picker.addEventListener("change", () => {
  add([...picker.files]);
  picker.value = ""; // or picking the same file again would be no change
});

// It looks like a button, so Enter opens it too; browsers disagree on that for file inputs.
picker.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  picker.click();
});

find("#choices").addEventListener("submit", (event) => {
  event.preventDefault();
  if (flow.convertAll(choices.value) > 0) return tell("");
  tell("First choose the files to convert.");
  return picker.focus();
});

// The whole page takes drops; elsewhere than on it the browser would open the file and leave.
let depth = 0; // dragenter and dragleave come for every element that is crossed
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
const lit = (on) => document.body.classList.toggle("dragging", on);

addEventListener("dragenter", (event) => {
  if (!carriesFiles(event)) return;
  depth += 1;
  lit(true);
});
addEventListener("dragleave", (event) => {
  if (!carriesFiles(event)) return;
  depth = Math.max(0, depth - 1);
  lit(depth > 0);
});
addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
});
addEventListener("drop", (event) => {
  depth = 0;
  lit(false);
  if (!carriesFiles(event)) return;
  event.preventDefault();
  add([...event.dataTransfer.files]);
});

function noticeLine() {
  find("#offline").hidden = !isOffline();
  for (const item of flow.items.values()) frames.add(item);
}
addEventListener("online", noticeLine);
addEventListener("offline", noticeLine);

find("#remove-all").addEventListener("click", async () => {
  const count = flow.items.size;
  const sure = await confirmed({
    title: `Remove all ${count} files?`,
    text: "Uploads and results are deleted from the server at once, and conversions that still run are cancelled.",
    yes: "Remove all", no: "Keep them",
  });
  if (sure) flow.removeAll();
});

find("#forget").addEventListener("click", async () => {
  const sure = await confirmed({
    title: "Delete all your data?",
    text: "Every file from this browser is deleted from the server, in other tabs too, finished or not. "
      + "Your choices on this page are forgotten.",
    yes: "Delete all", no: "Keep it",
  });
  if (!sure) return;
  await flow.removeEverything(remembered(Date.now()));
  choices.reset();
  listing.say("Everything was deleted.");
});

async function learnFormats() {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const offer = await formats();
      choices.offer(offer.formats);
      flow.limits = offer.limits ?? {};
      const { maxUploadBytes, jobTtl } = flow.limits;
      if (maxUploadBytes > 0) find("#most").textContent = bytes(maxUploadBytes);
      if (jobTtl > 0) find("#kept").textContent = listing.kept = keptFor(jobTtl);
      return tell("");
    } catch (error) {
      if (attempt === 1) tell(`${error.message} This page keeps trying.`);
      await sleep(backoff(attempt));
    }
  }
}

/** What another open tab is still uploading is that tab's. */
async function restoreAll() {
  const others = await otherTabs();
  for (const record of remembered(Date.now())) {
    if (record.jobId || !others.has(record.tab)) flow.restore(record);
  }
  listenToOthers({
    came: (record) => flow.came(record),
    went: (id) => flow.items.has(id) && flow.drop(flow.items.get(id)),
  });
}

noticeLine();
restoreAll();
learnFormats();
