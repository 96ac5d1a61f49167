// What the page says: units, stages, formats and presets in plain words.

const PRESETS = {
  voice: "Voice – smallest, mono",
  small: "Small – saves space",
  standard: "Standard – good for nearly everything",
  high: "High – for good headphones",
  max: "Maximum – the best this format can do",
};

const FORMATS = {
  mp3: "plays everywhere",
  m4a: "for Apple devices",
  opus: "small, sounds good",
  flac: "lossless, compact",
  wav: "lossless, for editing",
  m4b: "for audiobooks",
  alac: "lossless, for Apple devices",
};

const STAGES = {
  queued: "Waiting for its turn",
  probing: "Reading the file",
  converting: "Converting",
  verifying: "Checking the result",
  uploading: "Storing the result",
};

const UNITS = ["KB", "MB", "GB", "TB"];

export function formatLabel({ id, name, lossless }) {
  const hint = FORMATS[id] ?? (lossless ? "lossless" : "");
  const title = name || String(id).toUpperCase();
  return hint ? `${title} – ${hint}` : title;
}

export function presetLabel({ id, label }, lossless = false) {
  if (lossless && id === "standard") return "Lossless – nothing is left out";
  return PRESETS[id] ?? label ?? id;
}

/** 1536 → "1.5 KB". Decimal steps would disagree with what Windows shows; these agree with most. */
export function bytes(count) {
  if (!Number.isFinite(count) || count < 0) return "";
  if (count < 1024) return `${count} bytes`;
  let value = count;
  let unit = -1;
  while (value >= 1023.95 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)} ${UNITS[unit]}`;
}

/** Seconds → "about 2 min left". Coarse on purpose: a figure that jumps is worse than none. */
export function timeLeft(seconds) {
  if (seconds === null || !Number.isFinite(seconds) || seconds < 0) return "";
  if (seconds < 5) return "a few seconds left";
  if (seconds < 55) return `about ${Math.ceil(seconds / 5) * 5} s left`;
  const minutes = Math.max(1, Math.round(seconds / 60));
  if (minutes < 60) return `about ${minutes} min left`;
  const rest = minutes % 60;
  return `about ${Math.floor(minutes / 60)} h${rest ? ` ${rest} min` : ""} left`;
}

/** "48× – about 2 min left"; what is not known is left out. */
export function pace(speed, seconds) {
  const times = speed > 0 ? `${speed < 10 ? Number(speed.toFixed(1)) : Math.round(speed)}×` : "";
  return [times, timeLeft(seconds)].filter(Boolean).join(" – ");
}

/** "12 MB of 30 MB, 3.2 MB/s – about 10 s left" */
export function uploadPace(sent, size, rate) {
  const amount = `${bytes(sent)} of ${bytes(size)}`;
  if (!rate) return amount;
  return `${amount}, ${bytes(Math.round(rate))}/s – ${timeLeft((size - sent) / rate)}`;
}

/** Until when, as one says it: "kept until 14:05 tomorrow". Both in ms. */
export function keptUntil(until, now) {
  if (!Number.isFinite(until) || until <= now) return "";
  const [end, start] = [new Date(until), new Date(now)];
  const time = end.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const midnight = (date, more) => new Date(date.getFullYear(), date.getMonth(), date.getDate() + more).getTime();
  if (midnight(end, 0) === midnight(start, 0)) return `kept until ${time} today`;
  if (midnight(end, 0) === midnight(start, 1)) return `kept until ${time} tomorrow`;
  return `kept until ${end.toLocaleDateString("en-GB", { day: "numeric", month: "long" })}`;
}

/** What a running job is doing. `queuePosition` counts from 0: the next one to run. */
export function stage(progress) {
  const words = STAGES[progress.stage] ?? (progress.stage ? "Working" : STAGES.queued);
  const ahead = progress.stage === "queued" ? progress.queuePosition : 0;
  return ahead > 0 ? `${words} – ${ahead} ahead` : words;
}

/** Hours or days in words, for how long files are kept. */
export function keptFor(seconds) {
  const hours = Math.round(seconds / 3600);
  if (hours < 1) return `${Math.max(1, Math.round(seconds / 60))} minutes`;
  if (hours <= 48) return hours === 1 ? "1 hour" : `${hours} hours`;
  return `${Math.round(hours / 24)} days`;
}
