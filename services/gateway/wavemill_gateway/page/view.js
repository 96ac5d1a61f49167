// The list of files on the screen. Names and server texts go in as text, never as markup.

import { signed } from "./key.js";
import { isOffline } from "./offline.js";
import { prepareListening, showListening, stopListening } from "./player.js";
import { prepareReport, showReport } from "./report.js";
import { bytes, keptUntil, pace, stage, uploadPace } from "./words.js";

const template = document.querySelector("#row");

const ACTIONS = {
  waiting: ["cancel"],
  uploading: ["cancel"],
  "needs-file": ["choose", "remove"],
  ready: ["preview", "remove"],
  starting: ["cancel"],
  running: ["cancel"],
  completed: ["download", "remove"],
  failed: ["remove"],
  cancelled: ["again", "remove"],
  expired: ["remove"],
  lost: ["again", "remove"],
};

const SPOKEN = {
  uploading: "is uploading", ready: "is uploaded", running: "is being converted",
  completed: "is ready to download", cancelled: "was cancelled", expired: "has expired",
  lost: "cannot be followed: the server cannot be reached",
};

/** Upload and conversion are two bars in one place: [percent, what it measures] or none. */
function bar(item) {
  if (item.state === "uploading") return [(100 * (item.sent ?? 0)) / item.size, "Uploading"];
  if (item.state === "waiting") return [0, "Uploading"];
  if (item.state === "starting") return [0, "Converting"];
  if (item.state === "running") return [Math.max(0, item.progress?.progress ?? 0), "Converting"];
  return null;
}

/** How much there is to download. */
function results(outputs) {
  const size = bytes(outputs.reduce((sum, one) => sum + one.size, 0) || NaN);
  return outputs.length > 1 ? `${outputs.length} files, ${size}` : size;
}

/** [what is going on, the small print beside it] */
function status(item, kept) {
  const waits = isOffline() ? "Waiting for the connection" : "";
  const then = item.wanted ? "Will be converted once it is uploaded" : "";
  const { progress, size } = item;
  switch (item.state) {
    case "waiting": return ["Waiting to upload", waits || then];
    case "uploading":
      if (item.sent >= size) return ["Finishing the upload", then];
      return [`Uploading – ${Math.floor((100 * (item.sent ?? 0)) / size)} %`,
        waits || uploadPace(item.sent ?? 0, size, item.meter?.rate)];
    case "needs-file": return ["The upload was interrupted. Choose the same file again to continue.", ""];
    case "ready": return ["Uploaded. Pick a format above, then press Convert.", ""];
    case "starting": return ["Starting", waits];
    case "running": {
      if (item.cancelling) return ["Cancelling", ""];
      const percent = progress?.progress > 0 ? ` – ${Math.floor(progress.progress)} %` : "";
      return [item.note || stage(progress ?? {}) + percent,
        waits || pace(progress?.speed, progress?.estimatedTimeRemaining ?? null)];
    }
    case "completed": {
      const until = keptUntil(1000 * item.ended?.expiresAt, Date.now());
      const result = [results(progress?.outputs ?? []), until].filter(Boolean).join(", ");
      return [item.preview ? "Preview of the first 15 seconds" : "Converted", result];
    }
    case "failed": return [item.error?.message || "The conversion failed.", ""];
    case "cancelled": return ["Cancelled", ""];
    case "expired": return [`Expired: files are deleted after ${kept}.`, ""];
    case "lost": return ["The server cannot be reached. The conversion goes on there by itself.", ""];
    default: return ["", ""];
  }
}

/** Only a path of this server becomes a link. */
function ownUrl(item) {
  const fallback = `/api/download?jobId=${encodeURIComponent(item.jobId)}`;
  try {
    const url = new URL(item.downloadUrl, location.href);
    return url.origin === location.origin ? url.href : fallback;
  } catch {
    return fallback;
  }
}

function put(element, text) {
  // Untouched text keeps a reader's selection and costs no layout.
  if (element.textContent !== text) element.textContent = text;
}

export class Listing {
  #rows = new Map();
  #words = [];
  #speaking = 0;
  kept = "24 hours";

  /** `act(name, item)` when a button of a row is pressed. */
  constructor({ section, list, announcer, act }) {
    Object.assign(this, { section, list, announcer, act });
  }

  show(item) {
    const row = this.#rows.get(item.id) ?? this.#add(item);
    const part = (name) => row.querySelector(name);
    const [what, beside] = status(item, this.kept);
    const kind = item.preview ? ", preview" : "";
    const target = item.wanted && item.format ? ` → ${item.format.toUpperCase()}${kind}` : "";
    put(part(".file-facts"), `${bytes(item.size)}${target}`);
    put(part(".file-stage"), what);
    put(part(".file-left"), beside);
    const measure = bar(item);
    const progress = part("progress");
    progress.hidden = !measure;
    if (measure) {
      [progress.value] = measure;
      progress.setAttribute("aria-label", `${measure[1]} ${item.name}`);
    }
    if (row.dataset.state !== item.state) this.#speak(item, what);
    row.dataset.state = item.state;
    this.#offer(row, item);
    showListening(row, item);
    for (const warning of showReport(row, item)) this.say(`${item.name}: ${warning}`);
  }

  #offer(row, item) {
    const several = item.progress?.outputs?.length > 1; // each has a link of its own
    const offered = (ACTIONS[item.state] ?? []).filter((act) => !(several && act === "download"));
    if (item.state === "failed" && item.error?.again) offered.unshift("again");
    const buttons = [...row.querySelectorAll("[data-act]")];
    const focused = buttons.find((button) => button === document.activeElement);
    for (const button of buttons) button.hidden = !offered.includes(button.dataset.act);
    if (item.state === "completed") row.querySelector("a").href = signed(ownUrl(item));
    // A button that goes away must not take the keyboard's place in the page with it.
    if (focused?.hidden) buttons.find((button) => !button.hidden)?.focus();
  }

  #add(item) {
    const row = template.content.firstElementChild.cloneNode(true);
    put(row.querySelector(".file-name"), item.name);
    for (const button of row.querySelectorAll("[data-act]")) {
      button.setAttribute("aria-label", `${button.textContent} ${item.name}`);
      if (button.dataset.act !== "download") button.addEventListener("click", () => this.act(button.dataset.act, item));
    }
    prepareListening(row, item);
    prepareReport(row, item, () => this.act("learn", item));
    this.#rows.set(item.id, row);
    this.list.append(row);
    return row;
  }

  /** Once all rows are drawn: one after the other, they would push down what is below them. */
  reveal() {
    this.section.hidden = this.#rows.size === 0;
  }

  remove(item) {
    const row = this.#rows.get(item.id);
    if (!row) return;
    stopListening(row);
    const next = row.nextElementSibling ?? row.previousElementSibling;
    const focused = row.contains(document.activeElement);
    row.remove();
    this.#rows.delete(item.id);
    this.section.hidden = this.#rows.size === 0;
    if (focused) (next?.querySelector("[data-act]:not([hidden])") ?? document.querySelector("#files")).focus();
  }

  #speak(item, what) {
    const words = item.state === "failed" ? what : SPOKEN[item.state];
    if (words) this.say(`${item.name}: ${words}.`);
  }

  /** Gathered for a moment: of five sentences at once a screen reader would read the last. */
  say(sentence) {
    this.#words.push(sentence);
    clearTimeout(this.#speaking);
    this.#speaking = setTimeout(() => put(this.announcer, this.#words.splice(0).join(" ")), 300);
  }
}
