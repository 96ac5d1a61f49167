// Whether there is a line at all. A browser that says "online" may be wrong; "offline" is certain.

export const isOffline = () => navigator.onLine === false;

/** Resolves as soon as there is a line; rejects when the signal aborts. */
export function online(signal) {
  if (!isOffline()) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const settle = () => {
      removeEventListener("online", settle);
      signal?.removeEventListener("abort", settle);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    };
    addEventListener("online", settle);
    signal?.addEventListener("abort", settle);
  });
}
