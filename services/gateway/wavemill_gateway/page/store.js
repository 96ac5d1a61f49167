// What outlives a reload: one localStorage entry per file, so that two tabs don't overwrite each other.

const PREFIX = "wavemill.file.";
const CHOICE = "wavemill.choice";
const FORGET_AFTER = 7 * 24 * 3600 * 1000; // ms; the server has let go of the file long before
const KEPT = [
  "id", "name", "size", "addedAt", "fileId", "uploaded", "wanted",
  "format", "quality", "options", "preview", "previews", "peaks", "key", "jobId", "downloadUrl", "ended", "tab",
];
const written = new Map(); // key → text: most changes are of nothing that is remembered

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
  const text = JSON.stringify(record);
  if (written.get(item.id) === text) return;
  written.set(item.id, text);
  attempt(() => localStorage.setItem(PREFIX + item.id, text));
}

export function forget(item) {
  written.delete(item.id);
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
    if (usable) items.push(record);
    else attempt(() => localStorage.removeItem(key));
  }
  return items.sort((one, other) => one.addedAt - other.addedAt);
}

/** Every trace, of other tabs' files too. */
export function forgetAll() {
  written.clear();
  const keys = attempt(() => Object.keys(localStorage)) ?? [];
  for (const key of keys.filter((one) => one.startsWith("wavemill."))) attempt(() => localStorage.removeItem(key));
}

/** What another tab has done: `came(record)` when a file of its own changed, `went(id)` when it is gone. */
export function listenToOthers({ came, went }) {
  addEventListener("storage", ({ key, newValue }) => {
    if (!key?.startsWith(PREFIX)) return;
    const record = newValue === null ? null : read(key);
    if (record) came(record);
    else went(key.slice(PREFIX.length));
  });
}

export function rememberChoice(choice) {
  attempt(() => localStorage.setItem(CHOICE, JSON.stringify(choice)));
}

export function rememberedChoice() {
  return read(CHOICE) ?? {};
}
