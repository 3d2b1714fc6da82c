// What would come of the form as it stands: asked of the service itself, without making it.

import { ask, bodyOf, filesOf } from "./api.js";
import { $, debounced, h, tell } from "./dom.js";
import * as form from "./form.js";
import { say } from "./language.js";
import { Problem, theirs, wordsOf } from "./problem.js";
import { fieldWord, gigabytes, rounded, span } from "./words.js";
import * as work from "./work.js";

const PAUSE_MILLISECONDS = 350;
/** A larger upload is not sent again at each change of the form. */
const LARGEST_UPLOAD_BYTES = 8e6;

let running = new AbortController();

export const refresh = debounced(PAUSE_MILLISECONDS, look);

async function look() {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  let file = null;
  try {
    const fields = { ...form.read({ draft: true }), dry_run: true };
    file = await work.upload.current({ draft: true });
    if (signal.aborted) return;
    if (weight(fields, file) > LARGEST_UPLOAD_BYTES) return later();
    show(await ask("/generate", { method: "POST", body: bodyOf(fields, file), signal }));
    work.upload.praise(file);
    form.settled();
  } catch (problem) {
    if (signal.aborted) return; // a newer look is under way
    if (!(problem instanceof Problem)) throw problem;
    refuse(problem, file);
  }
}

/** In bytes, about: fields may hold pictures. */
const weight = (fields, file) =>
  filesOf(file).reduce((sum, one) => sum + one.file.size, JSON.stringify(fields).length);

function later() {
  form.settled();
  $("estimate").replaceChildren(h("p", { class: "muted" }, () => say("upload.later")));
}

function refuse(problem, file) {
  if (work.upload.blame(problem, file)) {
    form.settled();
    $("estimate").replaceChildren();
    return;
  }
  if (form.touched(problem.param)) {
    form.showProblem(problem, { sent: false });
    $("estimate").replaceChildren();
    return;
  }
  form.settled();
  $("estimate").replaceChildren(h("p", { class: "muted" }, wordsOf(problem)));
}

function show({ resolved, adjustments, memory, seconds: time }) {
  const { headline = null, figures = () => "" } = work.estimate(resolved);
  tell($("estimate"),
    headline && h("p", { class: "resolved" }, headline),
    h("p", { class: "muted" }, () => `${figures()} ${timeWords(time)} ${memoryWords(memory)}`.trim()),
    h("ul", { class: "adjustments" }, adjustments.map(adjustment)));
}

export function adjustment({ field, requested, resolved, reason }) {
  const values = () => ({
    field: fieldWord(field), requested: rounded(requested, 3), resolved: rounded(resolved, 3) });
  return h("li", {}, h("strong", {}, () => say("becomes", values())), ": ", theirs(`${reason}.`));
}

const timeWords = (time) =>
  time === null ? say("estimate.no_time") : say("estimate.time", { time: span(time) });

function memoryWords(memory) {
  if (!memory) return say("estimate.no_memory");
  const values = { needed: gigabytes(memory.total_bytes), capacity: gigabytes(memory.capacity_bytes) };
  return say(memory.measured ? "estimate.memory" : "estimate.memory_about", values);
}
