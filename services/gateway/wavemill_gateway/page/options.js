// The options that are folded away: shown as far as the chosen format has them, remembered but for the trim.

import { applies, menu, PASSING, summary, timeProblem, wanted } from "./settings.js";

const MENUS = ["sampleRate", "channels", "bitDepth"];

export class Options {
  #fields;
  #format = { options: {} };

  changed = () => {}; // called after each change by a person

  constructor(details) {
    this.details = details;
    this.told = details.querySelector("#options-set");
    this.#fields = [...details.querySelectorAll("[name]")];
    details.addEventListener("input", ({ target }) => {
      this.remembered = { ...this.remembered, [target.name]: target.value };
      this.#check();
      this.changed();
    });
    details.addEventListener("invalid", () => { details.open = true; }, true); // it does not bubble
    details.querySelector("#options-reset").addEventListener("click", () => {
      this.restore({});
      details.querySelector("summary").focus();
      this.changed();
    });
  }

  /** All fields as they are; empty ones left out. */
  get values() {
    const filled = this.#fields.filter((field) => field.value);
    return Object.fromEntries(filled.map((field) => [field.name, field.value]));
  }

  get lasting() {
    return Object.fromEntries(Object.entries(this.values).filter(([name]) => !PASSING.includes(name)));
  }

  /** `options`, and `quality` where one of the fields decides it. */
  get wanted() {
    return wanted(this.values, this.#format);
  }

  get valid() {
    return this.#fields.every((field) => field.closest(".field").hidden || field.checkValidity());
  }

  restore(values) {
    this.remembered = values;
    for (const field of this.#fields) field.value = values[field.name] ?? "";
    this.#check();
  }

  /** Only what this format can do. */
  offer(format) {
    this.#format = format;
    for (const name of MENUS) this.#fill(this.#field(name), menu(name, format));
    const { low, high } = format.bitrates ?? {};
    Object.assign(this.#field("bitrate"), low ? { min: low / 1000, max: high / 1000 } : {});
    this.#field("chapters").querySelector("[value=remove]").hidden = format.keeps?.chapters === false;
    this.#check();
  }

  #field(name) {
    return this.#fields.find((field) => field.name === name);
  }

  #fill(field, entries) {
    const before = field.value || this.remembered?.[field.name] || "";
    const options = entries.map(([value, text]) => new Option(text, value));
    field.replaceChildren(new Option("As in the source", ""), ...options);
    field.value = before;
    if (field.selectedIndex < 0) field.value = "";
  }

  #check() {
    const { values } = this;
    for (const field of this.#fields) {
      const shown = field.name === "loudnessOwn" ? values.loudness === "own" : applies(field.name, this.#format);
      field.closest(".field").hidden = !shown;
      field.disabled = !shown; // or the browser would judge what nobody sees
      if (PASSING.includes(field.name)) field.setCustomValidity(timeProblem(field.name, values));
    }
    this.#field("loudnessOwn").required = values.loudness === "own";
    const set = summary(values, this.#format);
    this.told.textContent = set && `– ${set}`;
    this.details.querySelector("#options-reset").hidden = !set;
  }
}
