// Source and result to listen to, one above the other, with their waveforms where there are any.

import { getPeaks } from "./api.js";
import { signedAnew } from "./key.js";
import { waveform } from "./waveform.js";

const MOST = 12; // results with a player; of a book's chapters the rest is downloaded

function make(name, className, text = "") {
  return Object.assign(document.createElement(name), { className, textContent: text });
}

function player(url, of) {
  const audio = Object.assign(document.createElement("audio"), { controls: true, preload: "none" });
  if (url.startsWith("blob:")) audio.src = url;
  else signedAnew(url).then((address) => { audio.src = address; });
  audio.setAttribute("aria-label", of);
  audio.addEventListener("error", () => {
    audio.replaceWith(make("p", "quiet", `This browser cannot play ${of}.`));
  });
  return audio;
}

function sound({ title, of, url, peaks }) {
  const figure = make("figure", "sound");
  figure.append(make("figcaption", "quiet", title));
  const audio = url ? player(url, of) : null;
  if (audio) figure.append(audio);
  peaks?.then((answer) => {
    const canvas = waveform(answer, of, audio?.parentElement ? audio : null);
    if (canvas) figure.querySelector("figcaption").after(canvas);
    else if (!url) figure.remove();
    audio?.addEventListener("error", () => canvas?.replaceWith(waveform(answer, of)));
  }, () => url || figure.remove());
  return figure;
}

function sounds(item, body) {
  const outputs = item.progress?.outputs ?? [];
  const peaks = (of, output) => (item.peaks ? getPeaks(item.jobId, of, output) : null);
  if (item.file) body.url = URL.createObjectURL(item.file);
  const source = item.file || item.peaks
    ? [{ title: "Source", of: `the source of ${item.name}`, url: body.url, peaks: peaks("source", 0) }] : [];
  const results = outputs.slice(0, MOST).map((output, index) => ({
    title: outputs.length > 1 ? output.fileName : "Result",
    of: `the result ${output.fileName ?? item.name}`,
    url: `/api/download?${new URLSearchParams({ jobId: item.jobId, output: index })}`,
    peaks: peaks("output", index),
  }));
  return [...source, ...results].map(sound);
}

/** A local file's address holds on to the file. */
export function stopListening(row) {
  const body = row.querySelector(".listen");
  if (body.url) URL.revokeObjectURL(body.url);
  body.url = undefined;
  body.replaceChildren();
}

/** Once for every new row: nothing is loaded before it is opened. */
export function prepareListening(row, item) {
  const details = row.querySelector(".file-listen");
  details.querySelector("summary .unseen").textContent = ` to ${item.name}`;
  details.addEventListener("toggle", () => {
    stopListening(row);
    const body = row.querySelector(".listen");
    if (details.open) body.append(...sounds(item, body));
  });
}

export function showListening(row, item) {
  const details = row.querySelector(".file-listen");
  details.hidden = item.state !== "completed";
  if (details.hidden && details.open) details.open = false;
}
