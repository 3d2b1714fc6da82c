// A place for one file: chosen, dropped or pasted, looked at, shown. A file that is not taken stays there as
// refused, until the next choice. Where it borrows, the frame at which the player stands is a picture, too.

import { h, tell } from "../dom.js";
import { say } from "../language.js";
import { Problem, wordsOf } from "../problem.js";
import { megabytes, size } from "../words.js";
import { accepted, carried, dataOf, fieldOf, listen, problemOf, vanished } from "./files.js";
import * as player from "./player.js";

const slots = []; // that stand on the page; the first of them takes what is dropped beside all

listen((target) => {
  const open = slots.filter((slot) => slot.takes());
  return open.find(({ element }) => element.contains(target)) ?? open[0] ?? null;
});

export class Slot {
  #id;
  #parts; // elements
  #fields = []; // what is taken, of "image" and "video"
  #limits;
  #chosen = null; // {field, file, data}; or of a finished video {frame: {job, frame}, file}
  #refused = false; // what was chosen last is not taken
  #choice = 0; // the newest one counts: to look at a file takes a moment
  #address = null;
  #changed;

  /** `name` is the field's, `id` the input's; `changed` is called after each choice. */
  constructor({ name, id, borrows = false, changed }) {
    [this.#id, this.#changed] = [id, changed];
    const part = (tag, what, more = {}, ...words) => h(tag, { id: `${id}-${what}`, ...more }, ...words);
    const input = h("input", { type: "file", id, "aria-describedby": `${id}-about ${id}-problem`,
      on: { change: () => this.take(carried(input.files)) } });
    this.#parts = {
      input,
      label: h("label", { for: id }),
      preview: part("span", "preview", { class: "drop-shown" }),
      about: part("span", "about", { class: "drop-about" }, () => say("media.choose")),
      remove: part("button", "remove", { type: "button", class: "quiet", hidden: true,
        on: { click: () => (this.remove(), input.focus()) } }, () => say("media.remove")),
      problem: part("div", "problem"),
    };
    const { label, preview, about, remove, problem } = this.#parts;
    this.zone = part("div", "drop", { class: "drop" }, input, preview, about, remove);
    this.#parts.borrow = borrows ? part("button", "borrow", { type: "button", class: "small follows",
      on: { click: () => this.#borrow() } }, () => say("frame.take")) : null;
    this.element = h("div", { class: "field", "data-field": name, hidden: true },
      label, this.zone, this.#parts.borrow, problem);
    slots.push(this);
  }

  /** What it takes from now on: files within these limits, under this label. */
  offer(fields, limits, label) {
    [this.#fields, this.#limits] = [fields, limits];
    tell(this.#parts.label, label);
    this.#parts.input.accept = accepted(fields);
    this.element.hidden = !fields.length;
  }

  takes() {
    return this.#fields.length > 0 && this.element.checkVisibility();
  }

  /** One file, or several, or a folder, as they come. */
  async take({ files, folder }) {
    if (!files.length) return;
    const mine = (this.#choice += 1);
    const [file] = files;
    const name = files.length > 1 ? () => say("media.several", { count: files.length }) : file.name;
    const field = fieldOf(file, this.#fields);
    const problem = files.length > 1 ? () => say("media.one")
      : folder ? () => say("media.folder") : await problemOf(field, file, this.#fields, this.#limits);
    const data = problem || field !== "image" ? null : await dataOf(file);
    if (mine !== this.#choice) return;
    this.#parts.input.value = ""; // so that the same file can be chosen again
    if (problem) this.#refuse(name, [problem]);
    else (this.#point(null), this.#show({ field, file, data }));
    this.#changed();
  }

  async #borrow() {
    const mine = (this.#choice += 1);
    const found = player.frame();
    if (!found) return tell(this.#parts.problem, h("p", { class: "hint", role: "status" }, () => say("frame.none")));
    const file = await found.picture();
    if (mine !== this.#choice) return;
    this.name(found.frame, file);
    this.#parts.remove.focus();
    this.#changed();
  }

  /** A frame of a finished video stands here; `file` is how it looks, where that is known. */
  name(frame, file = null) {
    this.#choice += 1;
    this.#point(null);
    this.#show({ frame, file });
  }

  remove() {
    this.#choice += 1;
    this.#point(null);
    this.#show(null);
    this.#changed();
  }

  /** It is gone from the page. */
  forget() {
    this.#show(null);
    slots.splice(slots.indexOf(this), 1);
  }

  /** A request is made again that had a file here, which is not on this machine. */
  miss() {
    if (this.#fields.length) this.#refuse(() => say("media.again"), [() => say("media.add")]);
  }

  holds(field) {
    return this.#chosen?.field === field;
  }

  get file() {
    return this.#chosen?.file ?? null;
  }

  /** What stands here, or null. Throws a Problem where what was chosen is not taken. */
  current() {
    if (this.#refused && !this.#chosen) throw new Problem({ message: () => say("media.stands"), at: this.#id });
    return this.#chosen;
  }

  /** As JSON says a picture: base64, or a frame. Throws a Problem likewise. */
  picture() {
    const chosen = this.current();
    return chosen?.frame ?? chosen?.data ?? undefined;
  }

  /** See whether the file is still there. */
  async look() {
    if (this.file && (await vanished(this.file))) this.#refuse(this.file.name, [() => say("media.gone")]);
  }

  /** The service refuses this very file; null: it takes it after all. */
  blame(problem) {
    if (problem) this.#point(this.file.name, wordsOf(problem));
    else this.#point(null);
  }

  #refuse(name, why) {
    this.#show(null);
    tell(this.#parts.about, name);
    this.#parts.remove.hidden = false;
    this.#point(name, why);
  }

  /** Say what is wrong with the file that stands here; null: nothing is. */
  #point(name, why = []) {
    this.#refused = name !== null;
    const called = typeof name === "function" ? name : () => say("media.refused", { name });
    tell(this.#parts.problem, this.#refused ? h("p", { class: "problem", role: "alert" }, called, " ", why) : null);
    this.#parts.input.setAttribute("aria-invalid", String(this.#refused));
  }

  #show(media) {
    this.#chosen = media;
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.#address = media?.file ? URL.createObjectURL(media.file) : null;
    this.#parts.remove.hidden = !media;
    this.#parts.borrow?.toggleAttribute("hidden", Boolean(media));
    this.zone.classList.toggle("filled", Boolean(media));
    tell(this.#parts.about, media?.frame ? () => frameWords(media.frame) : () => say("media.choose"));
    tell(this.#parts.preview, media?.file ? this.#preview(media) : null);
  }

  #preview({ field, file, frame }) {
    if (frame) return h("img", { src: this.#address, alt: () => say("media.picture") });
    const about = (key, more = {}) => tell(this.#parts.about,
      () => say(key, { name: file.name, bytes: megabytes(file.size), ...more }));
    const seen = (width, height) => about("media.shape", { size: size({ width, height }) });
    const error = ({ target }) => (target.remove(), about("media.plain"));
    tell(this.#parts.about, file.name);
    if (field === "image") {
      const load = ({ target }) => seen(target.naturalWidth, target.naturalHeight);
      return h("img", { src: this.#address, alt: () => say("media.picture"), on: { load, error } });
    }
    const loadedmetadata = ({ target }) => seen(target.videoWidth, target.videoHeight);
    const video = h("video", { src: this.#address, preload: "metadata", "aria-label": () => say("media.film"),
      on: { loadedmetadata, error } });
    video.muted = true;
    return video;
  }
}

function frameWords({ job, frame = -1 }) {
  const short = job.slice(0, 8);
  return frame < 0 ? say("frame.last", { job: short }) : say("frame.shown", { frame, job: short });
}
