// What outlives a reload: one localStorage entry per file, so that two tabs don't overwrite each other.

const PREFIX = "wavemill.file.";
const CHOICE = "wavemill.choice";
const FORGET_AFTER = 7 * 24 * 3600 * 1000; // ms; the server has let go of the file long before
const KEPT = [
  "id", "name", "size", "addedAt", "fileId", "uploaded", "wanted",
  "format", "quality", "key", "jobId", "downloadUrl",
];

/** Private windows and full disks refuse; then the page merely forgets on reload. */
function attempt(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}

function read(key) {
  const value = attempt(() => JSON.parse(localStorage.getItem(key)));
  return value && typeof value === "object" ? value : null;
}

export function remember(item) {
  const record = Object.fromEntries(KEPT.map((name) => [name, item[name]]));
  attempt(() => localStorage.setItem(PREFIX + item.id, JSON.stringify(record)));
}

export function forget(item) {
  attempt(() => localStorage.removeItem(PREFIX + item.id));
}

/** Everything remembered and still worth showing, oldest first. */
export function remembered(now) {
  const keys = attempt(() => Object.keys(localStorage)) ?? [];
  const items = [];
  for (const key of keys.filter((one) => one.startsWith(PREFIX))) {
    const record = read(key);
    const usable = record && typeof record.id === "string" && typeof record.name === "string"
      && key === PREFIX + record.id && now - record.addedAt < FORGET_AFTER;
    if (usable && (record.jobId || record.fileId)) items.push(record);
    else attempt(() => localStorage.removeItem(key));
  }
  return items.sort((one, other) => one.addedAt - other.addedAt);
}

export function rememberChoice(choice) {
  attempt(() => localStorage.setItem(CHOICE, JSON.stringify(choice)));
}

export function rememberedChoice() {
  return read(CHOICE) ?? {};
}
