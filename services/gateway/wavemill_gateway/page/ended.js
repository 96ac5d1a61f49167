// What is remembered of a job that has ended: with it a row looks after a reload as it did before,
// without waiting for the server, and nothing below it moves.

import { warnings } from "./facts.js";

/** As the last event of a job tells it. */
export function endOf(state, { outputs = [], error }) {
  return { state, outputs: outputs.map(({ fileName, size }) => ({ fileName, size })), error: problem(error) };
}

export const problem = (error) => ({ message: error?.message, again: Boolean(error?.retryable) });

/** What the job's record adds. */
export const noted = (record) => ({ warnings: warnings(record), expiresAt: record.expiresAt });

/** The state of an item that ended so, as long as it has not expired since. */
export function restored({ state, outputs, error, expiresAt }, now) {
  const over = 1000 * expiresAt < now;
  return { state: over ? "expired" : state, progress: { status: state, outputs }, error };
}
