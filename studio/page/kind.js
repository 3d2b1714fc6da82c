// The cutting room's part of the page: what work.js of the page asks for.

import { ask } from "../api.js";
import { $, field, h, tell } from "../dom.js";
import { isSaid, number, say } from "../language.js";
import { Problem, wordsOf } from "../problem.js";
import { rounded } from "../words.js";
import { OPERATIONS, draw, placeIn, said, show } from "./operations.js";

export { words } from "./words.js";
export const first = "operation";
export const title = ({ resolved }) => say(`operation.${resolved.task.operation}`);

/** Of the request, whatever the operation: what the file is called, and where it lies in a bucket. */
const NAMES = ["output_filename", "path"];

/** Where a problem's field is on the page: the API names it as the operation has it, with "task." or without. */
export const placeOf = (param) => (NAMES.includes(param) ? param : placeIn($("operation").value, param.replace(/^task\./, "")));

const chosen = () => OPERATIONS[$("operation").value];
const inputOf = (name) => $(`${$("operation").value}-${name}`);

export const fields = () => ({
  form: [
    field({ name: "operation" }, () => say("operation"), h("select", { id: "operation" },
      Object.keys(OPERATIONS).map((name) => h("option", { value: name }, () => say(`operation.${name}`))))),
    ...Object.entries(OPERATIONS).map(([name, operation]) => draw(name, operation)),
    h("div", { id: "file-problem" }), // it goes to the field that it speaks of
  ],
  more: NAMES.map((name) => field({ name }, () => say(name), h("input", { id: name, maxlength: 512 }))),
});

export async function learn() {
  $("operation").addEventListener("change", only);
  $("form").addEventListener("input", upload.praise); // what was said of a file stands until something is changed
  only();
  try {
    offer((await ask("/video/templates")).templates);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem; // the page does without
  }
}

function only() {
  for (const name of Object.keys(OPERATIONS)) $(`of-${name}`).hidden = name !== $("operation").value;
  upload.praise();
}

/** Templates of edits, as the service has them. */
function offer(templates) {
  const select = $("edit-template");
  select.append(...templates.map(({ name }) => h("option", { value: name }, name)));
  const about = h("p", { class: "hint", lang: "en" });
  select.after(about);
  const told = () => (about.textContent = templates.find(({ name }) => name === select.value)?.description ?? "");
  select.addEventListener("change", told);
}

export function values() {
  const named = NAMES.map((name) => [name, $(name).value.trim()]).filter(([, value]) => value);
  const task = { operation: $("operation").value, ...said($("operation").value, chosen()) };
  return { ...Object.fromEntries(named), task };
}

export function fill({ task = {}, ...asked }) {
  for (const name of NAMES) $(name).value = asked[name] ?? "";
  if (task.operation in OPERATIONS) $("operation").value = task.operation;
  $("operation").dispatchEvent(new Event("change"));
  show($("operation").value, chosen(), task);
}

export const upload = {
  current({ draft }) {
    const files = Object.entries(chosen().files).flatMap(([name, { needed }]) => {
      const [file] = inputOf(name).files;
      if (!file && needed && needed()) throw missing(name, draft);
      return file ? [{ field: name, file }] : [];
    });
    const [one, ...more] = files;
    return one ? { ...one, more } : null;
  },
  praise: () => $("file-problem").replaceChildren(),
  blame({ status, param, ...problem }) {
    if (status === null && !param) return null; // of a draft: what was said at a start stands
    upload.praise();
    if (!(param in chosen().files) && ![413, 415].includes(status)) return null;
    const input = inputOf(param) ?? $("operation");
    input.closest(".field").append($("file-problem"));
    $("file-problem").replaceChildren(h("p", { class: "problem" }, wordsOf(problem)));
    return input.id;
  },
};

const missing = (name, draft) =>
  new Problem({ param: draft ? null : name, message: () => say(`${name}.missing`) });

export function result({ links, result: made }) {
  if (made.file?.endsWith(".mp4"))
    return h("video", { class: "screen", src: links.download, controls: true, playsinline: true, preload: "metadata",
      "aria-label": () => say(`operation.${made.operation}`) });
  if (!links["transcript.txt"]) return null;
  const text = h("pre", { class: "facts" });
  fetch(links["transcript.txt"]).then((answer) => answer.text()).then((said) => tell(text, said.trim() || (() => say("silent"))));
  return text;
}

const length = ({ duration_seconds: seconds, width, height }) =>
  () => say(width ? "made" : "heard", { seconds: rounded(seconds, 1), width, height });

export const card = ({ result: made }) => (made ? { about: length(made) } : {});

const FORMS = { "segments.srt": "SRT", "captions.vtt": "WebVTT", "karaoke.ass": "ASS", "words.json": "JSON", "transcript.txt": "TXT" };

export function details({ result: made, links }) {
  if (!made) return [];
  const told = Object.entries(made.report).filter(([, value]) => value && typeof [value].flat()[0] !== "object");
  const forms = Object.entries(FORMS).filter(([name]) => made.file !== name && links[name]);
  return [
    ["size", length(made)],
    ...(told.length ? [["report", told.map((one) => h("p", {}, lineOf(one)))]] : []),
    ...(forms.length ? [["forms", forms.map(([name, form]) => [h("a", { href: links[name], download: true }, form), " "])]] : []),
  ];
}

const lineOf = ([name, value]) => () => {
  const word = isSaid(`report.${name}`) ? say(`report.${name}`) : name;
  return value === true ? word : `${word}: ${[value].flat().map((one) => number(one)).join(", ")}`;
};
