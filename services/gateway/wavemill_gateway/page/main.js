// Wires the page together: what is picked or dropped, the menus, the list, what is remembered.

import { formats } from "./api.js";
import { Choices } from "./choices.js";
import { Flow } from "./flow.js";
import { backoff, sleep } from "./plan.js";
import { remembered } from "./store.js";
import { Listing } from "./view.js";
import { bytes, keptFor } from "./words.js";

const find = (selector) => document.querySelector(selector);
const picker = find("#files");
const hint = find("#hint");

const choices = new Choices({ format: find("#format"), quality: find("#quality") });
const listing = new Listing({
  section: find("#listing"), list: find("#list"), announcer: find("#announcer"),
  act: (name, item) => (name === "choose" ? picker.click() : flow[name](item)),
});
const flow = new Flow({
  changed: (item) => {
    listing.show(item);
    count();
  },
  removed: (item) => {
    listing.remove(item);
    count();
  },
});

function count() {
  const open = [...flow.items.values()].filter((item) => flow.isOpen(item)).length;
  find("#convert").textContent = open > 1 ? `Convert ${open} files` : "Convert";
}

function tell(message) {
  hint.textContent = message;
  hint.hidden = !message;
  if (message) listing.say(message);
}

function add(files) {
  tell("");
  for (const file of files) flow.add(file);
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

for (const record of remembered(Date.now())) flow.restore(record);
learnFormats();
