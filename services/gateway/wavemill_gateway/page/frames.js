// Draws what has changed once a frame: forty files change more often than a screen can show.

const SHARE = 8; // ms of a frame; what does not fit waits for the next
const HIDDEN = 250; // ms; a page in the background gets no frames

export class Frames {
  #waiting = new Map();
  #asked = false;

  /** `draw(item)` for each changed item, `after()` once they have all been drawn. */
  constructor(draw, after) {
    Object.assign(this, { draw, after });
  }

  add(item) {
    this.#waiting.set(item.id, item);
    this.#ask();
  }

  drop(item) {
    this.#waiting.delete(item.id);
    this.#ask();
  }

  #ask() {
    if (this.#asked) return;
    this.#asked = true;
    const run = () => this.#run();
    if (document.hidden) setTimeout(run, HIDDEN);
    else requestAnimationFrame(run);
  }

  #run() {
    const ends = performance.now() + SHARE;
    this.#asked = false;
    for (const [id, item] of this.#waiting) {
      this.#waiting.delete(id);
      this.draw(item);
      if (performance.now() > ends) break;
    }
    if (this.#waiting.size) this.#ask();
    else this.after();
  }
}
