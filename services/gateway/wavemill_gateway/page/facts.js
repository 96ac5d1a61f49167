// What became of a file, in words, from its job's record. No DOM, so that it can be tested.

import { bytes } from "./words.js";

const UNKNOWN = "–";
const MOST_NAMES = 12; // of tags with one fate
const MOST_LETTERS = 80; // of what a stranger wrote into a tag
const AS_ASKED = "as asked";

const CODECS = {
  mp1: "MPEG Layer 1", mp2: "MP2", opus: "Opus", vorbis: "Vorbis", wavpack: "WavPack", speex: "Speex",
  wmav1: "WMA", wmav2: "WMA", wmapro: "WMA Pro", wmalossless: "WMA Lossless", tta: "True Audio",
  amr_nb: "AMR", amr_wb: "AMR-WB", eac3: "E-AC-3", ac3: "AC-3", ape: "Monkey's Audio",
};

const FATES = { kept: "Kept", changed: "Changed", dropped: "Dropped", set: "Set", removed: "Removed" };

function codec(id) {
  if (!id) return UNKNOWN;
  if (id.startsWith("pcm_")) return id.startsWith("pcm_f") ? "PCM, float" : "PCM";
  return CODECS[id] ?? id.toUpperCase().replaceAll("_", " ");
}

/** 83.2 → "1:23", 7.25 → "7.3 s": tenths count only where there are few seconds. */
export function clock(seconds) {
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (count) => String(count).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

const channels = (count) => ["", "Mono", "Stereo"][count] || String(count);
const decibels = (unit) => (value) => `${value.toFixed(1).replace("-", "−")} ${unit}`;

const MEDIA = [
  ["Length", "duration", clock],
  ["Sample rate", "sampleRate", (rate) => `${rate / 1000} kHz`],
  ["Channels", "channels", channels],
  ["Bit depth", "bitDepth", (bits) => `${bits} bit`],
  ["Bitrate", "bitrate", (rate) => `${Math.round(rate / 1000)} kbit/s`],
];

/** Rows [what, of the source, of the result]; what is known of neither is left out. */
export function comparison(record, output, size) {
  const [source, result, loud] = [record.media ?? {}, output.media ?? {}, output.loudness ?? {}];
  const say = (value, words) => (Number.isFinite(value) ? words(value) : UNKNOWN);
  const rows = [
    ["Codec", codec(source.codec), codec(result.codec)],
    ...MEDIA.map(([label, key, words]) => [label, say(source[key], words), say(result[key], words)]),
    ["Size", say(size, bytes), say(output.size, bytes)],
    ["Loudness", ...[loud.beforeLufs, loud.afterLufs].map((value) => say(value, decibels("LUFS")))],
    ["True peak", ...[loud.beforeTruePeakDb, loud.afterTruePeakDb].map((value) => say(value, decibels("dBTP")))],
  ];
  return rows.filter(([, before, after]) => before !== UNKNOWN || after !== UNKNOWN);
}

/** "Dropped", "as asked" → "Dropped as asked"; a reason of its own follows a colon. */
const because = (what, why) => (why ? `${what}${why === AS_ASKED ? " " : ": "}${why}` : what);

const allKept = (count) => (count === 1 ? "Kept" : `All ${count} kept`);

function clipped(text) {
  const letters = [...String(text)];
  return letters.length > MOST_LETTERS ? `${letters.slice(0, MOST_LETTERS).join("")}…` : letters.join("");
}

const nameOf = (tag) => clipped(tag.name) + (tag.after === undefined ? "" : ` (now “${clipped(tag.after)}”)`);

/** "3 of 4 kept", then one { what, names, more } for each other fate and its reason. */
export function tagFates(tags = []) {
  if (!tags.length) return { summary: "The source has none", groups: [] };
  const kept = tags.filter((tag) => tag.fate === "kept").length;
  const groups = new Map();
  for (const tag of tags.filter((one) => one.fate !== "kept")) {
    const what = because(FATES[tag.fate] ?? tag.fate, tag.why);
    groups.set(what, [...groups.get(what) ?? [], nameOf(tag)]);
  }
  return {
    summary: kept === tags.length ? allKept(kept) : `${kept || "None"} of ${tags.length} kept`,
    groups: [...groups].map(([what, names]) => ({
      what, names: names.slice(0, MOST_NAMES), more: Math.max(0, names.length - MOST_NAMES),
    })),
  };
}

export const SOUND_COPIED = "Taken over as it was, without another encoding";

export const coverFate = ({ fate, why }) => because(FATES[fate] ?? fate, why);

export function chaptersFate({ fate, before, after, why }) {
  if (fate === "kept") return allKept(after);
  const count = before === after ? `${after}` : `${before} → ${after}`;
  return `${count}, ${because((FATES[fate] ?? fate).toLowerCase(), why)}`;
}

/** The warnings of all results as sentences. */
export const warnings = (record) =>
  (record.warnings ?? []).map(({ message }) => `${message.charAt(0).toUpperCase()}${message.slice(1)}.`);
