// The form: built from /info, read into a request, filled from a job, problems at their fields.

import { $, h, tell, write } from "./dom.js";
import { say } from "./language.js";
import * as media from "./media.js";
import * as number from "./number.js";
import * as options from "./options.js";
import * as presets from "./presets.js";
import { Problem, wordsOf } from "./problem.js";
import { choices, spanOf } from "./sizes.js";
import { rounded, size } from "./words.js";

const CUSTOM = "custom";
const NUMBERS = ["duration", "fps", "num_inference_steps", "guidance_scale", "seed"];
const TEXTS = ["prompt", "negative_prompt"];
const SIZE = /^\d+\s*[x×*]\s*\d+$/i;
/** Fields of the API that have another one's place on this page. */
const PLACES = { num_frames: "duration", image: "media", video: "media" };

export function build(info, uploads) {
  const { limits, defaults, capabilities } = info;
  resolutions(limits, defaults);
  lengths(limits, defaults);
  numbers(limits, defaults);
  $("negative_prompt").placeholder = defaults.negative_prompt;
  place("negative_prompt").hidden = !limits.takes_negative_prompt;
  place("fps").hidden = limits.fixed_fps !== null;
  place("generate_audio").hidden = !capabilities.includes("audio");
  options.build($("options"), info.options);
  media.build(capabilities, uploads);
}

function numbers({ min_steps, max_steps, max_guidance_scale }, defaults) {
  const kinds = {
    duration: {},
    fps: {},
    num_inference_steps: { whole: true, least: min_steps, most: max_steps },
    guidance_scale: { least: 0, most: max_guidance_scale },
    seed: { whole: true, least: 0, most: Number.MAX_SAFE_INTEGER },
  };
  for (const [name, kind] of Object.entries(kinds)) {
    for (const [attribute, value] of Object.entries(number.numeric(kind))) {
      if (value !== null) $(name).setAttribute(attribute, value);
    }
  }
  for (const name of ["fps", "num_inference_steps", "guidance_scale"]) {
    write($(name), "placeholder", () => rounded(defaults[name]));
  }
}

function resolutions(limits, defaults) {
  $("resolution").replaceChildren(
    h("option", { value: "" }, () => say("resolution.default", { size: size(defaults) })),
    ...choices(limits, defaults).map(({ shape, size: sides, value }) =>
      h("option", { value }, () => say(`shape.${shape}`, { size: sides }))),
    h("option", { value: CUSTOM }, () => say("resolution.other")),
  );
  $("resolution").addEventListener("change", showSize);
}

function showSize() {
  $("size").hidden = $("resolution").value !== CUSTOM;
}

function lengths(limits, defaults) {
  const [least, most] = spanOf(limits, defaults);
  const usual = defaults.num_frames / (limits.fixed_fps ?? defaults.fps);
  write($("duration"), "placeholder", () => rounded(usual));
  const span = { least: Math.ceil(least * 100) / 100, most: Math.floor(most * 100) / 100 }; // inside of it
  tell($("duration-about"), () => say("range", span));
}

/** The request as it stands; what is empty is left out. Throws a Problem at the first field that is wrong. */
export function read() {
  const fields = {};
  for (const name of TEXTS) if ($(name).value.trim()) fields[name] = $(name).value.trim();
  for (const name of NUMBERS) fields[name] = number.read($(name));
  fields.resolution = resolution();
  if (!place("generate_audio").hidden && !$("generate_audio").checked) fields.generate_audio = false;
  const own = options.read();
  if (Object.keys(own).length) fields.options = own;
  return presets.complete(fields);
}

/** The request, to be sent: it says what the video shows. */
export function complete() {
  const fields = read();
  if (fields.prompt || fields.template) return fields;
  throw new Problem({ param: "prompt", message: () => say("prompt.missing") });
}

function resolution() {
  const chosen = $("resolution").value;
  if (chosen !== CUSTOM) return chosen || undefined;
  const sides = $("size").value.trim();
  if (!SIZE.test(sides)) throw new Problem({ param: "resolution", message: () => say("resolution.wrong") });
  return sides.replace(/\s*[x×*]\s*/i, "x");
}

/** Show these fields of a request, and none of what stood there before. */
export function fill(fields) {
  for (const name of TEXTS) $(name).value = fields[name] ?? "";
  for (const name of NUMBERS) $(name).value = number.shown(fields[name] ?? "");
  const known = [...$("resolution").options].some(({ value }) => value === (fields.resolution ?? ""));
  $("resolution").value = known ? fields.resolution ?? "" : CUSTOM;
  $("size").value = known ? "" : fields.resolution;
  $("generate_audio").checked = fields.generate_audio !== false;
  options.fill(fields.options ?? {});
  showSize();
  clearProblems();
}

/** The settings of a job, as they were asked for; the model draws another seed where none was. */
export function settingsOf(job) {
  const { requested, resolved } = job;
  const frames = requested.num_frames;
  const duration = frames ? Number((frames / resolved.fps).toFixed(3)) : requested.duration;
  return { ...requested, duration, prompt: requested.prompt ?? resolved.prompt };
}

export const drawSeed = () => String(crypto.getRandomValues(new Uint32Array(1))[0]);

// Problems

const place = (name) => document.querySelector(`#form [data-field="${CSS.escape(name)}"]`);

/** Where the API's `param` is on this page: the field itself, or what it is a part of. */
function placeOf(param) {
  for (let name = PLACES[param] ?? param; name; name = name.slice(0, Math.max(0, name.lastIndexOf(".")))) {
    const found = place(name);
    if (found && !found.hidden) return found;
  }
  return null;
}

/** What takes the words back: those of a start, and those of a look at the form as it stands. */
const standing = { sent: () => {}, looked: () => {} };

function takeBack(kind) {
  standing[kind]();
  standing[kind] = () => {};
}

/** What was said at a start stands until something is changed. */
export const changed = () => takeBack("sent");

/** The form is fine as it stands. */
export const settled = () => takeBack("looked");

export const clearProblems = () => (changed(), settled());

/** Say what is wrong at its field, or above the button where it is nobody's; `sent`: it was started. */
export function showProblem(problem, { sent }) {
  settled();
  if (sent) changed();
  const where = problem.param ? placeOf(problem.param) : null;
  if (!sent && where?.querySelector("[role=alert]")) return; // it is said there already
  const kind = sent ? "sent" : "looked";
  standing[kind] = where ? showAt(where, problem, sent) : showAbove(problem, sent);
}

function showAbove(problem, sent) {
  tell($("form-problem"), wordsOf(problem));
  $("form-problem").hidden = false;
  if (sent && problem.at) $(problem.at).focus();
  return () => ($("form-problem").hidden = true);
}

function showAt(where, problem, sent) {
  if ($("more").contains(where)) $("more").open = true;
  const id = `${where.dataset.field}-problem`;
  const note = h("p", { class: "problem", id, role: sent ? "alert" : null }, wordsOf(problem));
  where.append(note);
  const own = where.querySelector(".follows:not([hidden])");
  const input = own ?? where.querySelector("input:not([hidden]), textarea, select");
  const unmark = input ? mark(input, id) : () => {};
  if (sent) input?.focus();
  return () => (note.remove(), unmark());
}

/** The words with this id are an input's error; answers what takes it back. */
function mark(input, id) {
  const before = input.getAttribute("aria-describedby");
  write(input, "aria-invalid", "true");
  write(input, "aria-errormessage", id);
  write(input, "aria-describedby", before ? `${before} ${id}` : id);
  return () => {
    for (const name of ["aria-invalid", "aria-errormessage", "aria-describedby"]) input.removeAttribute(name);
    if (before) write(input, "aria-describedby", before);
  };
}

/** Whether the person has said anything in a field, so that it can be wrong already. */
export function touched(param) {
  const where = param && placeOf(param);
  const inputs = where ? [...where.querySelectorAll("input, textarea, select")] : [];
  return inputs.some((input) => input.value !== "");
}
