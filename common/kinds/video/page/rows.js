// Pictures in a list: each a row under its number, by which the service speaks of it.

import { h, write } from "../dom.js";
import { say } from "../language.js";
import { Problem } from "../problem.js";
import { Slot } from "./slot.js";

export class Rows {
  rows = []; // {slot, element, parts}
  #name;
  #id;
  #most;
  #words;
  #parts;
  #changed;
  #list;
  #add;
  #limits;
  #count = 0;

  /**
   * `name` is the field's, `id` what a row's id begins with; `words` are the keys of `about`, `add` and a row's
   * `label`. `parts(id)`: fields beside the picture by their names, where an entry has more than that.
   */
  constructor({ name, id, most, words, parts = null, changed }) {
    [this.#name, this.#id, this.#most, this.#words, this.#parts, this.#changed] = [name, id, most, words, parts, changed];
    this.#list = h("div", { id: `${id}-rows`, class: "rows" });
    this.#add = h("button", { type: "button", id: `${id}-add`, on: { click: () => (this.add(), changed()) } },
      () => say(words.add));
    this.element = h("div", { id: name, class: "stack", "data-field": name, hidden: true },
      h("p", { class: "hint" }, () => say(words.about)), this.#list, this.#add);
  }

  /** Whether there may be any, and how large each. */
  offer(offered, limits) {
    this.#limits = limits;
    this.element.hidden = !offered;
  }

  add() {
    const id = `${this.#id}-${(this.#count += 1)}`;
    const slot = new Slot({ name: "", id, borrows: true, changed: this.#changed });
    const row = { slot, parts: this.#parts?.(id) ?? {} };
    row.element = h("div", { class: "row stack", role: "group" },
      slot.element,
      this.#parts && h("div", { class: "pair" }, Object.values(row.parts)),
      h("button", { type: "button", class: "small quiet", on: { click: () => this.#drop(row) } },
        () => say("picture.remove")));
    this.rows.push(row);
    this.#draw();
    slot.element.querySelector("input").focus();
    return row;
  }

  clear() {
    for (const { slot } of this.rows) slot.forget();
    this.rows = [];
    this.#draw();
  }

  /** As JSON says them. Throws a Problem at the first that is missing. */
  pictures() {
    return this.rows.map(({ slot }) => {
      const picture = slot.picture();
      if (picture) return picture;
      throw new Problem({ param: slot.element.dataset.field, message: () => say("picture.missing") });
    });
  }

  #drop(row) {
    row.slot.forget();
    this.rows = this.rows.filter((each) => each !== row);
    this.#draw();
    this.#add.focus();
    this.#changed();
  }

  #draw() {
    this.rows.forEach(({ element, slot, parts }, index) => {
      const name = `${this.#name}.${index}`;
      const label = () => say(this.#words.label, { number: index + 1 });
      write(element, "aria-label", label);
      slot.offer(["image"], this.#limits, label);
      slot.element.dataset.field = this.#parts ? `${name}.image` : name;
      if (this.#parts) element.dataset.field = name;
      for (const [part, field] of Object.entries(parts)) field.dataset.field = `${name}.${part}`;
    });
    const gone = [...this.#list.children].filter((row) => !this.rows.some(({ element }) => element === row));
    for (const row of gone) row.remove();
    this.#list.append(...this.rows.map(({ element }) => element).filter((element) => !element.isConnected));
    this.#add.disabled = this.rows.length === this.#most;
  }
}
