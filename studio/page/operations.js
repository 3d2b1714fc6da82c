// The operations and their fields: how they are drawn, read and shown.

import { $, field, h } from "../dom.js";
import { say } from "../language.js";
import { numeric, read } from "../number.js";
import { Problem } from "../problem.js";

const FILM = "video/*,.mp4,.mov,.mkv,.webm";
const SOUND = `audio/*,${FILM}`;

/** What an operation is given: files, choices (the first is the service's own), numbers, texts, marks. */
export const OPERATIONS = {
  transcribe: {
    files: { audio: { accept: SOUND, needed: () => true } },
    texts: { language: "pt" },
  },
  caption: {
    files: {
      video: { accept: FILM, needed: () => true },
      captions: { accept: ".srt,.vtt,.ass,.json", needed: () => !$("caption-auto").checked },
    },
    marks: { auto: ["captions", "auto"] },
    choices: { mode: ["burn", "track"], "style.karaoke": ["none", "word", "sweep"], "style.place": ["bottom", "middle", "top"] },
    numbers: { "style.size": { least: 1, most: 30 } },
  },
  img2vid: {
    files: { images: { accept: ".zip", needed: () => true }, audio: { accept: SOUND } },
    numbers: { seconds: { least: 0.1, most: 60 } },
  },
  addaudio: {
    files: { video: { accept: FILM, needed: () => true }, audio: { accept: SOUND, needed: () => true } },
    choices: { mode: ["replace", "mix"], fit: ["cut", "loop"] },
    numbers: { gain: { least: -60, most: 24 }, fade_in: { least: 0, most: 60 }, fade_out: { least: 0, most: 60 } },
    marks: { duck: ["duck", true] },
  },
  edit: {
    files: { video: { accept: FILM } },
    choices: { template: [""], aspect: ["source", "9:16", "1:1", "16:9"] },
    marks: { silence: ["silence", {}] },
    json: { timeline: ["clips", "inputs", "overlays", "texts"] },
  },
  upload: {
    files: {
      video: { accept: FILM, needed: () => !["audio", "captions", "overlay"].some((name) => $(`upload-${name}`).files.length) },
      audio: { accept: SOUND },
      captions: { accept: ".srt,.vtt,.ass,.json" },
      overlay: { accept: "image/*" },
    },
  },
};

const label = (key) => () => say(`part.${key}`);
const part = (name, key, input) =>
  field({ name: `${name}.${key}`, id: `${name}-${key}` }, label(key), input);

export function draw(name, { files = {}, choices = {}, numbers = {}, texts = {}, marks = {}, json = {} }) {
  const id = (key) => `${name}-${key}`;
  return h("div", { id: `of-${name}`, class: "rows", role: "group", "aria-label": () => say(`operation.${name}`) },
    Object.entries(files).map(([key, { accept }]) => part(name, key, h("input", { id: id(key), type: "file", accept }))),
    Object.keys(marks).map((key) => h("div", { class: "field check", "data-field": `${name}.${key}` },
      h("input", { id: id(key), type: "checkbox" }), h("label", { for: id(key) }, label(key)))),
    Object.entries(choices).map(([key, options]) => part(name, key, h("select", { id: id(key) },
      options.map((value) => h("option", { value }, () => say(`choice.${value}`)))))),
    Object.entries(numbers).map(([key, bounds]) => part(name, key, h("input", { id: id(key), ...numeric(bounds) }))),
    Object.entries(texts).map(([key, example]) => part(name, key, h("input", { id: id(key), placeholder: example }))),
    Object.keys(json).map((key) => part(name, key, h("textarea", { id: id(key), rows: 5, spellcheck: "false" }))));
}

/** What stands in its fields, as the API takes it; what is the service's own choice is left out. */
export function said(name, { choices = {}, numbers = {}, texts = {}, marks = {}, json = {} }) {
  const task = {};
  const input = (key) => $(`${name}-${key}`);
  for (const [key, [own]] of Object.entries(choices)) if (input(key).value !== own) put(task, key, input(key).value);
  for (const key of Object.keys(numbers)) if (read(input(key)) !== undefined) put(task, key, read(input(key)));
  for (const key of Object.keys(texts)) if (input(key).value.trim()) put(task, key, input(key).value.trim());
  for (const [key, [named, value]] of Object.entries(marks)) if (input(key).checked) put(task, named, value);
  for (const key of Object.keys(json)) Object.assign(task, parsed(input(key)));
  return task;
}

/** The `data-field` of an operation's field; of one that is said by a mark, or in a text of several, that one's. */
export function placeIn(name, field) {
  const { files = {}, marks = {}, json = {} } = OPERATIONS[name];
  const [first] = field.split(".");
  const marked = Object.keys(marks).find((key) => marks[key][0] === first && !(first in files));
  return `${name}.${marked ?? Object.keys(json).find((key) => json[key].includes(first)) ?? field}`;
}

function parsed(input) {
  if (!input.value.trim()) return {};
  try {
    return JSON.parse(input.value);
  } catch {
    throw new Problem({ at: input.id, message: () => say("timeline.wrong") });
  }
}

function put(task, path, value) {
  const [outer, inner] = path.split(".");
  if (inner) task[outer] = { ...task[outer], [inner]: value };
  else task[outer] = value;
}

const at = (task, path) => path.split(".").reduce((found, key) => found?.[key], task);

export function show(name, { choices = {}, numbers = {}, texts = {}, marks = {}, json = {} }, task) {
  const input = (key) => $(`${name}-${key}`);
  for (const [key, [own]] of Object.entries(choices)) input(key).value = at(task, key) ?? own;
  for (const key of [...Object.keys(numbers), ...Object.keys(texts)]) input(key).value = at(task, key) ?? "";
  for (const [key, [named]] of Object.entries(marks)) input(key).checked = named in task;
  for (const [key, names] of Object.entries(json)) {
    const kept = Object.fromEntries(names.filter((one) => one in task).map((one) => [one, task[one]]));
    input(key).value = Object.keys(kept).length ? JSON.stringify(kept, null, 2) : "";
  }
}
