// The API key, where the server asks for one: asked once, kept for this tab, sent with every call.
// EventSource and links can send no header: they carry tokens, which the server signs for an hour.

const KEPT_AS = "wavemill.key";
const FRESH = 50 * 60_000; // ms; a token lasts an hour
const ASK = "This server asks for a key. Whoever runs it can give you one.";
const WRONG = "The server does not accept this key.";

const links = new Map(); // job id → { events, download, at }: what its tokens are, and since when
let key = kept();
let asking = null;

/** Private windows may refuse; then the key lasts until the next reload. */
function kept() {
  try {
    return sessionStorage.getItem(KEPT_AS) ?? "";
  } catch {
    return "";
  }
}

function keep(text) {
  key = text;
  try {
    sessionStorage.setItem(KEPT_AS, text);
  } catch {
    // it lasts until the next reload
  }
}

export const authorization = () => (key ? { Authorization: `Bearer ${key}` } : {});

/** Carry a call out; where it is refused for want of a key, ask for one and do it again. */
export async function withKey(call) {
  for (;;) {
    const used = key;
    try {
      return await call();
    } catch (error) {
      if (error.status !== 401) throw error;
      // Others may have been refused at the same time: all wait for one answer.
      if (key === used) await (asking ??= ask(used ? WRONG : ASK).finally(() => { asking = null; }));
    }
  }
}

function make(name, attributes, ...content) {
  const element = document.createElement(name);
  for (const [one, value] of Object.entries(attributes)) element.setAttribute(one, value);
  element.append(...content);
  return element;
}

/** What is said of a server that needs no key does not hold of this one. */
function sayItIsClosed() {
  document.querySelector("#open-to-all").hidden = true;
}

if (key) sayItIsClosed();

/** Nothing works here without a key, so the question stays until it is answered. */
function ask(why) {
  sayItIsClosed();
  const input = make("input", {
    type: "password", id: "key", required: "", autocomplete: "off", spellcheck: "false",
    "aria-describedby": "key-why",
  });
  const dialog = make("dialog", { class: "ask", "aria-labelledby": "key-title" },
    make("form", { method: "dialog" },
      make("h2", { id: "key-title" }, "API key"),
      make("p", { id: "key-why", role: why === WRONG ? "alert" : "note" }, why),
      make("label", { for: "key" }, "Key"), input,
      make("button", { class: "button primary" }, "Continue")));
  document.body.append(dialog);
  return new Promise((resolve) => {
    let answered = false;
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", () => answered || dialog.showModal());
    dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (!input.value.trim()) return;
      answered = true;
      keep(input.value.trim());
      dialog.close();
      dialog.remove();
      resolve();
    });
    dialog.showModal();
    input.focus();
  });
}

const tokenIn = (url) => (url ? new URL(url, location.href).searchParams.get("token") : null);

/** Any answer of the server's may have a job's links in it. */
export function noteLinks(answer) {
  if (typeof answer?.jobId !== "string" || !answer.downloadUrl) return;
  const [events, download] = [answer.eventsUrl, answer.downloadUrl].map(tokenIn);
  if (events && download) links.set(answer.jobId, { events, download, at: Date.now() });
}

const isFresh = (jobId) => Date.now() - (links.get(jobId)?.at ?? -Infinity) < FRESH;

async function renew(jobId) {
  const reply = await fetch(`/api/jobs/${encodeURIComponent(jobId)}`, {
    headers: authorization(), cache: "no-store",
  });
  if (reply.ok) noteLinks(await reply.json());
  else throw Object.assign(new Error("no links"), { status: reply.status });
}

/** The tokens with which these jobs may be watched: none where no key is asked for, null for want of one. */
export async function eventTokens(jobIds) {
  if (!key) return [];
  const stale = jobIds.filter((one) => !isFresh(one));
  await Promise.all(stale.map((one) => withKey(() => renew(one)).catch(() => {})));
  return jobIds.every(isFresh) ? jobIds.map((one) => links.get(one).events) : null;
}

/** A job's link without its token: what is remembered for days must open nothing. */
export function bare(path) {
  const url = new URL(path, location.href);
  url.searchParams.delete("token");
  return url.pathname + url.search;
}

/** A link of one job or several, with the tokens that there are for them. */
export function signed(href) {
  const url = new URL(href, location.href);
  const tokens = jobsOf(url).map((jobId) => links.get(jobId)?.download).filter(Boolean);
  if (tokens.length) url.searchParams.delete("token");
  for (const token of tokens) url.searchParams.append("token", token);
  return url.href;
}

const jobsOf = (href) => new URL(href, location.href).searchParams.getAll("jobId");

/** The same, once tokens that have grown old or are not there yet have been fetched. */
export async function signedAnew(href) {
  const stale = key ? jobsOf(href).filter((jobId) => !isFresh(jobId)) : [];
  await Promise.all(stale.map((jobId) => withKey(() => renew(jobId)).catch(() => {})));
  return signed(href);
}

// A link whose token has grown old, or that has none yet, gets one when it is pressed.
document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[download]");
  const jobs = link ? jobsOf(link.href) : [];
  if (!key || !jobs.length) return;
  if (jobs.every(isFresh)) {
    link.href = signed(link.href);
    return;
  }
  event.preventDefault();
  const href = await signedAnew(link.href);
  if (jobs.every(isFresh)) link.click();
  else open(href, "_blank", "noopener"); // the server's own words on why there is none
});
