// What concerns all files: how many are done, one download for all of them, removing them all.

import { bytes } from "./words.js";

const AT_ONCE = 200; // jobs that the server puts into one archive

/** The archives of all finished jobs: [{ text, url }]. */
export function archives(items) {
  const jobs = items.filter((item) => item.state === "completed" && !item.preview).map((item) => item.jobId);
  if (jobs.length < 2) return [];
  const parts = [];
  for (let first = 0; first < jobs.length; first += AT_ONCE) {
    const some = jobs.slice(first, first + AT_ONCE);
    const range = jobs.length > AT_ONCE ? ` ${first + 1}–${first + some.length}` : "";
    const query = some.map((jobId) => `jobId=${encodeURIComponent(jobId)}`).join("&");
    parts.push({ text: `Download all${range}`, url: `/api/archive?${query}` });
  }
  return parts;
}

/** "3 of 40 converted, 12 MB" */
export function totalInWords(items) {
  const done = items.filter((item) => item.state === "completed" && !item.preview);
  const asked = items.filter((item) => item.wanted && !item.preview);
  if (items.length < 2 || asked.length === 0) return "";
  const size = done.flatMap((item) => item.progress?.outputs ?? []).reduce((sum, one) => sum + one.size, 0);
  const weight = size ? `, ${bytes(size)}` : "";
  return `${done.length} of ${asked.length} converted${weight}`;
}

/** Said once for all: twenty rows with the same plea are no help. */
export function interruptedInWords(items) {
  const count = items.filter((item) => item.state === "needs-file").length;
  if (count < 2) return "";
  return `${count} uploads were interrupted. Drop or choose the same files again, all at once: they continue where they stopped.`;
}

export class Totals {
  #shown = "";

  constructor({ said, interrupted, zips, removeAll }) {
    Object.assign(this, { said, interrupted, zips, removeAll });
  }

  show(items) {
    this.said.textContent = totalInWords(items);
    this.interrupted.textContent = interruptedInWords(items);
    this.interrupted.hidden = !this.interrupted.textContent;
    this.removeAll.hidden = items.length < 2;
    const parts = archives(items);
    const shown = JSON.stringify(parts);
    if (shown === this.#shown) return; // a link that is replaced loses the focus
    this.#shown = shown;
    const links = [...this.zips.children];
    while (links.length > parts.length) links.pop().remove();
    parts.forEach(({ text, url }, at) => {
      const link = links[at] ?? this.zips.appendChild(document.createElement("a"));
      Object.assign(link, { className: "button", download: "", href: url });
      if (link.textContent !== text) link.textContent = text;
      link.setAttribute("aria-label", `${text} as a zip`);
    });
  }
}
