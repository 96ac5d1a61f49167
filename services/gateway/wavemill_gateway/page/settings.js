// What the options' fields say, as the server wants it and as a person reads it. No DOM.

export const LOUDNESS = { podcast: -16, streaming: -14, broadcast: -23 };

const RATES = [8000, 16000, 22050, 32000, 44100, 48000, 88200, 96000, 192000];
const CHANNELS = { 1: "Mono", 2: "Stereo", 6: "5.1 surround", 8: "7.1 surround" };
const PEAK = -1.5; // dBTP; leaves room for what a lossy codec adds
/** What belongs to one recording: remembered, it would cut the next one at the same place. */
export const PASSING = ["trimStart", "trimEnd"];

/** "1:30" → 90, "1:02:03.5" → 3723.5, "" → undefined, anything else → NaN. */
export function seconds(text) {
  const trimmed = String(text ?? "").trim().replace(",", ".");
  if (!trimmed) return undefined;
  if (!/^(\d+:){0,2}\d+(\.\d+)?$/.test(trimmed)) return NaN;
  return trimmed.split(":").reduce((sum, part) => 60 * sum + Number(part), 0);
}

/** What a menu offers for a format: [value, words] each; empty where there is no choice. */
export function menu(name, format) {
  const offer = format.options?.[name];
  if (name === "sampleRate" && offer) {
    const rates = Array.isArray(offer) ? offer : RATES.filter((one) => one >= offer.low && one <= offer.high);
    return rates.length > 1 ? rates.map((one) => [one, `${one / 1000} kHz`]) : [];
  }
  if (name === "channels" && offer) {
    const counts = Object.keys(CHANNELS).filter((one) => one <= offer.high);
    return counts.length > 1 ? counts.map((one) => [one, CHANNELS[one]]) : [];
  }
  if (name === "bitDepth" && offer?.length > 1) {
    return offer.map((one) => [one, one === 32 ? "32 bit float" : `${one} bit`]);
  }
  return [];
}

/** Whether a field means anything for a format. */
export function applies(name, format) {
  const { options = {}, keeps = {}, bitrates } = format;
  switch (name) {
    case "sampleRate": case "channels": case "bitDepth": return menu(name, format).length > 0;
    case "bitrate": return Boolean(bitrates);
    case "tags": return Boolean(options.stripMetadata) && keeps.tags !== false;
    case "cover": return Boolean(options.cover) && keeps.cover !== false;
    case "chapters": return Boolean(options.chapters || options.split);
    default: return Boolean(options[name]);
  }
}

const number = (text) => (text ? Number(text) : undefined);

function loudness({ loudness: name, loudnessOwn }) {
  const target = name === "own" ? number(loudnessOwn) : LOUDNESS[name];
  return target === undefined ? undefined : { targetLufs: target, truePeakDb: PEAK };
}

/** The fields' values → `options` of the server's, and `quality` where a bitrate overrides the preset. */
export function wanted(values, format) {
  const has = (name) => applies(name, format);
  const value = Object.fromEntries(Object.entries(values).filter(([name]) => name === "loudnessOwn" || has(name)));
  const options = {
    trimStart: seconds(value.trimStart),
    trimEnd: seconds(value.trimEnd),
    fadeIn: number(value.fadeIn),
    fadeOut: number(value.fadeOut),
    sampleRate: number(value.sampleRate),
    channels: number(value.channels),
    bitDepth: number(value.bitDepth),
    loudness: loudness(value),
    stripMetadata: value.tags === "strip" || undefined,
    cover: value.cover === "remove" ? "remove" : undefined,
    chapters: value.chapters === "remove" ? "remove" : undefined,
    split: value.chapters === "split" ? "chapters" : undefined,
  };
  for (const [name, one] of Object.entries(options)) if (one === undefined) delete options[name];
  return { options, ...(value.bitrate ? { quality: `${value.bitrate}k` } : {}) };
}

/** What is set beyond the defaults, in few words. */
export function summary(values, format) {
  const { options, quality } = wanted(values, format);
  const words = [];
  const { trimStart, trimEnd, loudness: loud } = options;
  if (trimStart !== undefined || trimEnd !== undefined) words.push("trimmed");
  if (options.fadeIn || options.fadeOut) words.push("fades");
  if (loud) words.push(`${String(loud.targetLufs).replace("-", "−")} LUFS`);
  if (quality) words.push(quality.replace("k", " kbit/s"));
  if (options.sampleRate) words.push(`${options.sampleRate / 1000} kHz`);
  if (options.channels) words.push(CHANNELS[options.channels].toLowerCase());
  if (options.bitDepth) words.push(`${options.bitDepth} bit`);
  if (options.stripMetadata) words.push("no tags");
  if (options.cover) words.push("no cover");
  if (options.chapters) words.push("no chapters");
  if (options.split) words.push("one file per chapter");
  return words.join(", ");
}

/** What is wrong with a time or a pair of them, in words, or "". */
export function timeProblem(name, values) {
  const own = seconds(values[name]);
  if (Number.isNaN(own)) return "Write a time such as 1:30 or 90.";
  const [start, end] = [seconds(values.trimStart) ?? 0, seconds(values.trimEnd)];
  return name === "trimEnd" && end <= start ? "The end must come after the start." : "";
}
