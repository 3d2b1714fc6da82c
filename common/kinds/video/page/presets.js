// A preset sets some fields of the form; a template takes the prompt's place. Both where the service has them.

import { ask } from "../api.js";
import { $, field, h, tell } from "../dom.js";
import { say } from "../language.js";
import * as number from "../number.js";
import { Problem } from "../problem.js";
import { size } from "../words.js";

let presets = [];
let templates = [];
let usual; // {width, height} where no preset says another

/** Where both are chosen. */
export const starters = () => h("div", { class: "pair", id: "starters", hidden: true }, chooser("preset"), chooser("template"));

const chooser = (name) => field({ name, hidden: true }, () => say(name),
  h("select", { id: name }), h("p", { class: "hint", id: `${name}-about` }));

/** Where a template asks for what it leaves open. */
export const blanks = () => h("div", { id: "variables", "data-field": "variables", class: "field stack", hidden: true });

/** Learn what the service has; `defaults` are those without a preset. */
export async function learn(defaults) {
  usual = defaults;
  try {
    ({ presets, templates } = await ask("/presets"));
  } catch (problem) {
    if (problem instanceof Problem) return; // the page does without
    throw problem;
  }
  offer("preset", presets, take);
  offer("template", templates, showTemplate);
  $("starters").hidden = !(presets.length || templates.length);
}

/** Steps and guidance of a preset stand in the form, and no size of one's own; all else stays. */
function take(preset) {
  measure(preset);
  if (!preset) return;
  $("resolution").value = "";
  $("resolution").dispatchEvent(new Event("change"));
  $("num_inference_steps").value = number.shown(preset.values.num_inference_steps);
  $("guidance_scale").value = number.shown(preset.values.guidance_scale);
}

// Its size is a default and not asked for: a picture keeps its shape. Two stages and options come with its name too.
function measure(preset) {
  const [width, height] = preset?.values.resolution.split("x") ?? [usual.width, usual.height];
  tell($("resolution").options[0], () => say("resolution.default", { size: size({ width, height }) }));
}

function offer(id, entries, chosen) {
  const select = $(id);
  select.replaceChildren(
    h("option", { value: "" }, () => say(`${id}.none`)),
    ...entries.map(({ name }) => h("option", { value: name }, name)));
  select.closest(".field").hidden = !entries.length;
  select.addEventListener("change", () => chosen(describe(id, entries)));
}

/** Say what was chosen; answers it. */
function describe(id, entries) {
  const entry = entries.find(({ name }) => name === $(id).value);
  $(`${id}-about`).textContent = entry?.description ?? "";
  return entry;
}

function showTemplate(template) {
  const variables = Object.entries(template?.variables ?? {});
  $("prompt").closest(".field").hidden = Boolean(template);
  $("variables").hidden = !template;
  $("variables").replaceChildren(
    h("p", { class: "quote" }, template?.prompt ?? ""),
    ...variables.map(([name, variable]) =>
      field({ name: `variables.${name}`, id: `variable-${name}` }, name,
        h("input", { id: `variable-${name}`, "data-variable": name, placeholder: variable.default ?? "" }),
        h("p", { class: "hint" }, variable.description ?? ""))));
}

/** The request with the preset's or template's name; a template says the prompt itself. */
export function complete(fields) {
  const found = { ...fields };
  if ($("preset").value) found.preset = $("preset").value;
  if (!$("template").value) return found;
  delete found.prompt;
  const inputs = [...document.querySelectorAll("[data-variable]")].filter(({ value }) => value);
  found.template = $("template").value;
  found.variables = Object.fromEntries(inputs.map((input) => [input.dataset.variable, input.value]));
  return found;
}

/** The preset of a request, and a prompt of one's own. */
export function fill({ preset }) {
  $("preset").value = presets.some(({ name }) => name === preset) ? preset : "";
  $("template").value = "";
  measure(describe("preset", presets));
  showTemplate(describe("template", templates));
}
