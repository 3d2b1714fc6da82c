// Presets fill the form; a template takes the prompt's place. Both where the service has them.

import { ask } from "../api.js";
import { $, field, h } from "../dom.js";
import { say } from "../language.js";
import { Problem } from "../problem.js";

let presets = [];
let templates = [];

/** Where both are chosen. */
export const starters = () => h("div", { class: "pair", id: "starters", hidden: true }, chooser("preset"), chooser("template"));

const chooser = (name) => field({ name, hidden: true }, () => say(name),
  h("select", { id: name }), h("p", { class: "hint", id: `${name}-about` }));

/** Where a template asks for what it leaves open. */
export const blanks = () => h("div", { id: "variables", "data-field": "variables", class: "field stack", hidden: true });

/** Learn what the service has; `fill` shows a preset's fields in the form. */
export async function learn(fill) {
  try {
    ({ presets, templates } = await ask("/presets"));
  } catch (problem) {
    if (problem instanceof Problem) return; // the page does without
    throw problem;
  }
  const take = (preset) => fill({ prompt: $("prompt").value, ...shown(preset.values) }, { beside: true });
  offer("preset", presets, (preset) => preset && take(preset));
  offer("template", templates, showTemplate);
  $("starters").hidden = !(presets.length || templates.length);
}

// Two stages come with the preset's name, where they can be; in the form they would be asked for.
const shown = ({ two_stages: _, ...values }) => values;

function offer(id, entries, chosen) {
  const select = $(id);
  select.replaceChildren(
    h("option", { value: "" }, () => say(`${id}.none`)),
    ...entries.map(({ name }) => h("option", { value: name }, name)));
  select.closest(".field").hidden = !entries.length;
  select.addEventListener("change", () => {
    const entry = entries.find(({ name }) => name === select.value);
    $(`${id}-about`).textContent = entry?.description ?? "";
    chosen(entry);
  });
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

/** Back to a prompt of one's own. */
export function reset() {
  for (const id of ["preset", "template"]) {
    $(id).value = "";
    $(`${id}-about`).textContent = "";
  }
  showTemplate(undefined);
}
