// What would come of the form as it stands: asked of the service itself, without making it.

import { ApiError, ask, bodyOf } from "./api.js";
import { $, debounced, h } from "./dom.js";
import * as form from "./form.js";
import * as media from "./media.js";
import { fieldWord, gigabytes, rounded, seconds, size, span } from "./words.js";

const PAUSE_MILLISECONDS = 350;
/** A larger upload is not sent again at each change of the form. */
const LARGEST_UPLOAD_BYTES = 8e6;

let running = new AbortController();

export const refresh = debounced(PAUSE_MILLISECONDS, look);

async function look() {
  running.abort();
  running = new AbortController();
  const file = media.current();
  if (file && file.file.size > LARGEST_UPLOAD_BYTES) {
    $("estimate").replaceChildren(h("p", { class: "muted" }, "This file is looked at when you start."));
    return;
  }
  const fields = { prompt: "…", ...form.read(), dry_run: true }; // the prompt changes no figure
  if (fields.template) delete fields.prompt;
  try {
    show(await ask("/generate", { method: "POST", body: bodyOf(fields, file), signal: running.signal }));
    form.clearProblems();
  } catch (problem) {
    if (problem instanceof ApiError) refuse(problem);
    else if (problem.name !== "AbortError") throw problem;
  }
}

function refuse(problem) {
  if (form.touched(problem.param)) {
    form.showProblem(problem, { focus: false });
    $("estimate").replaceChildren();
    return;
  }
  form.clearProblems();
  const text = [problem.message, problem.hint].filter(Boolean).join(" ");
  $("estimate").replaceChildren(h("p", { class: "muted" }, text));
}

function show({ resolved, adjustments, memory, seconds: time }) {
  const { num_frames, fps, num_inference_steps } = resolved;
  const frames = `${num_frames} frames at ${rounded(fps)} fps, ${num_inference_steps} steps.`;
  $("estimate").replaceChildren(
    h("p", { class: "resolved" }, `${size(resolved)}, ${seconds(resolved)}`),
    h("p", { class: "muted" }, `${frames} ${timeWords(time)} ${memoryWords(memory)}`),
    h("ul", { class: "adjustments" }, adjustments.map(adjustment)));
}

export function adjustment({ field, requested, resolved, reason }) {
  const change = `${fieldWord(field)} ${rounded(requested, 3)} becomes ${rounded(resolved, 3)}`;
  return h("li", {}, h("strong", {}, change), `: ${reason}.`);
}

const timeWords = (time) =>
  time === null ? "How long it takes is known after the first video." : `About ${span(time)}.`;

function memoryWords(memory) {
  if (!memory) return "Its memory is known when the checkpoint is on disk.";
  const needed = `${gigabytes(memory.total_bytes)} of ${gigabytes(memory.capacity_bytes)} memory`;
  return `${memory.measured ? "Takes" : "Takes about"} ${needed}.`;
}
