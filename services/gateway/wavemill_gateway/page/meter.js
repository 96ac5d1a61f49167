// How fast something goes, smoothed: a figure that jumps is worse than none.

const WINDOW = 8_000; // ms over which the rate is taken
const ENOUGH = 800; // ms before there is one

export class Meter {
  #notes = [];

  /** So much was done at this moment (ms); less than before means that it began anew. */
  note(amount, now) {
    if (amount < (this.#notes.at(-1)?.amount ?? 0)) this.#notes = [];
    this.#notes.push({ amount, now });
    while (this.#notes.length > 2 && now - this.#notes[1].now > WINDOW) this.#notes.shift();
  }

  /** Per second, or null while it cannot be told. */
  get rate() {
    const [first, last] = [this.#notes[0], this.#notes.at(-1)];
    if (!first || last.now - first.now < ENOUGH || last.amount <= first.amount) return null;
    return (1000 * (last.amount - first.amount)) / (last.now - first.now);
  }
}
