// The form: built from /info, read into a request, filled from a job, problems at their fields.

import { $, h } from "./dom.js";
import * as options from "./options.js";
import * as media from "./media.js";
import * as presets from "./presets.js";
import { choices, spanOf } from "./sizes.js";
import { rounded } from "./words.js";

const CUSTOM = "custom";
const NUMBERS = ["duration", "fps", "num_inference_steps", "guidance_scale"];
const TEXTS = ["prompt", "negative_prompt", "seed"];
/** Fields of the API that have another one's place on this page. */
const PLACES = { num_frames: "duration", image: "media", video: "media" };

export function build(info, uploads) {
  const { limits, defaults, capabilities } = info;
  resolutions(limits, defaults);
  lengths(limits, defaults);
  $("num_inference_steps").placeholder = defaults.num_inference_steps;
  $("num_inference_steps").min = limits.min_steps;
  $("num_inference_steps").max = limits.max_steps;
  $("guidance_scale").placeholder = rounded(defaults.guidance_scale);
  $("negative_prompt").placeholder = defaults.negative_prompt;
  $("fps").placeholder = rounded(defaults.fps);
  place("negative_prompt").hidden = !limits.takes_negative_prompt;
  place("fps").hidden = limits.fixed_fps !== null;
  place("generate_audio").hidden = !capabilities.includes("audio");
  options.build($("options"), info.options);
  media.build(capabilities, uploads);
}

function resolutions(limits, defaults) {
  const usual = `${defaults.width} × ${defaults.height} default`;
  $("resolution").replaceChildren(
    h("option", { value: "" }, usual),
    ...choices(limits, defaults).map(({ label, value }) => h("option", { value }, label)),
    h("option", { value: CUSTOM }, "Another size"),
  );
  $("resolution").addEventListener("change", showSize);
}

function showSize() {
  $("size").hidden = $("resolution").value !== CUSTOM;
}

function lengths(limits, defaults) {
  const [least, most] = spanOf(limits, defaults);
  $("duration").placeholder = rounded(defaults.num_frames / (limits.fixed_fps ?? defaults.fps));
  $("duration-about").textContent = `${rounded(least)} to ${rounded(most)}`;
}

/** The request as it stands; what is empty is left out. */
export function read() {
  const fields = {};
  for (const name of TEXTS) if ($(name).value.trim()) fields[name] = $(name).value.trim();
  for (const name of NUMBERS) if ($(name).value !== "") fields[name] = Number($(name).value);
  const chosen = $("resolution").value;
  const size = chosen === CUSTOM ? $("size").value.trim() : chosen;
  if (size) fields.resolution = size.toLowerCase().replace(/\s*[×x]\s*/, "x");
  if (!place("generate_audio").hidden && !$("generate_audio").checked) fields.generate_audio = false;
  const own = options.read();
  if (Object.keys(own).length) fields.options = own;
  return presets.complete(fields);
}

/** Show these fields of a request, and none of what stood there before. */
export function fill(fields) {
  for (const name of [...TEXTS, ...NUMBERS]) $(name).value = fields[name] ?? "";
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
  const duration = frames ? Number(rounded(frames / resolved.fps, 3)) : requested.duration;
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

export function clearProblems() {
  for (const note of document.querySelectorAll("#form .field .problem")) note.remove();
  for (const input of document.querySelectorAll("#form [aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-errormessage");
  }
  $("form-problem").hidden = true;
}

/** Say what is wrong at its field, or above the button where it is nobody's. */
export function showProblem({ message, hint, param }, { focus }) {
  clearProblems();
  const text = hint ? `${message} ${hint}` : message;
  const where = param ? placeOf(param) : null;
  if (!where) {
    $("form-problem").textContent = text;
    $("form-problem").hidden = false;
    return;
  }
  if ($("more").contains(where)) $("more").open = true;
  const id = `${where.dataset.field}-problem`;
  where.append(h("p", { class: "problem", id, role: focus ? "alert" : null }, text));
  const input = where.querySelector("input:not([hidden]), textarea, select:not([hidden])");
  input?.setAttribute("aria-invalid", "true");
  input?.setAttribute("aria-errormessage", id);
  if (focus) input?.focus();
}

/** Whether the person has said anything in a field, so that it can be wrong already. */
export function touched(param) {
  const where = param && placeOf(param);
  const inputs = where ? [...where.querySelectorAll("input, textarea, select")] : [];
  return inputs.some((input) => input.value !== "");
}
