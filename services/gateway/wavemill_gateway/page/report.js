// What a row tells of a finished job: its results, its warnings, and what was kept of the source.
// Tags come from strangers' files: all of it goes in as text, never as markup.

import { chaptersFate, comparison, coverFate, SOUND_COPIED, tagFates } from "./facts.js";
import { signed } from "./key.js";
import { bytes } from "./words.js";

const LOADING = "Loading…";

function make(name, content = [], attributes = {}) {
  const element = document.createElement(name);
  element.append(...[content].flat()); // strings become text
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

const head = (text) => make("th", text, { scope: "row" });
const wide = (label, content) => make("tr", [head(label), make("td", content, { colspan: 2 })]);

function compared([label, before, after]) {
  return make("tr", [head(label), make("td", before), make("td", after, before === after ? {} : { class: "new" })]);
}

function tagsRow(tags) {
  const { summary, groups } = tagFates(tags);
  const names = (group) => group.names.flatMap((name, at) => [at ? ", " : "", make("bdi", name)]);
  const lines = groups.map((group) =>
    make("li", [make("span", `${group.what}: `, { class: "quiet" }), ...names(group),
      group.more ? ` and ${group.more} more` : ""]));
  return wide("Tags", lines.length ? [summary, make("ul", lines)] : summary);
}

const soundRows = ({ copied }) => (copied ? [wide("Sound", SOUND_COPIED)] : []);

function fates(report) {
  if (!report) return [];
  const { tags, cover, chapters } = report;
  return [
    tagsRow(tags),
    ...(cover ? [wide("Cover", coverFate(cover))] : []),
    ...(chapters ? [wide("Chapters", chaptersFate(chapters))] : []),
  ];
}

function table(record, output, item) {
  const several = record.outputs.length > 1;
  const columns = ["", "Source", "Result"].map((text) => make(text ? "th" : "td", text, text ? { scope: "col" } : {}));
  return make("table", [
    make("caption", several ? output.fileName : `${item.name}: source and result`, several ? {} : { class: "unseen" }),
    make("thead", make("tr", columns)),
    make("tbody", comparison(record, output, item.size).map(compared)),
    make("tbody", [...soundRows(output), ...fates(output.report)]),
  ]);
}

function link(item, output, index) {
  const query = new URLSearchParams({ jobId: item.jobId, output: index });
  return make("li", [
    make("a", output.fileName, { href: signed(`/api/download?${query}`), download: "" }),
    " ", make("span", bytes(output.size), { class: "quiet" }),
  ]);
}

function fill(list, content, of) {
  if (list.filledFrom !== of) list.replaceChildren(...content());
  list.filledFrom = of;
  list.hidden = list.childElementCount === 0;
}

/** Built when it is opened; most are never. */
function fillDetails(details, item) {
  const body = details.querySelector(".report");
  const { record, recordError } = item;
  body.setAttribute("aria-busy", String(!record && !recordError));
  if (!record) body.textContent = recordError ?? LOADING;
  else if (body.filledFrom !== record) {
    body.replaceChildren(...record.outputs.map((output) => table(record, output, item)));
  }
  body.filledFrom = record;
}

/** Once for every new row. `ask()` fetches the record, where that has failed before. */
export function prepareReport(row, item, ask) {
  const details = row.querySelector(".file-report");
  details.querySelector("summary .unseen").textContent = ` of ${item.name}`;
  details.addEventListener("toggle", () => {
    if (!details.open) return;
    if (!item.record) ask();
    fillDetails(details, item);
  });
}

/** Shows what is known by now; answers with warnings that were not there before. */
export function showReport(row, item) {
  const done = item.state === "completed";
  const outputs = done ? item.progress?.outputs ?? [] : [];
  const links = () => (outputs.length > 1 ? outputs.map((one, index) => link(item, one, index)) : []);
  fill(row.querySelector(".file-outputs"), links, done ? item.jobId : null);
  const details = row.querySelector(".file-report");
  details.hidden = !done;
  if (details.open) fillDetails(details, item);
  const list = row.querySelector(".file-warnings");
  const told = done ? item.ended?.warnings ?? [] : [];
  const news = list.filledFrom === told.join() ? [] : told;
  fill(list, () => told.map((text) => make("li", text)), told.join());
  return news;
}
