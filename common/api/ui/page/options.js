// The model's own options, as inputs: from the JSON schema that /info gives.

import { field, h } from "./dom.js";
import { say } from "./language.js";
import * as number from "./number.js";
import { theirs } from "./problem.js";

let inputs = new Map();

export function build(target, schema) {
  inputs = new Map();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const input = inputFor(`option-${name}`, kindOf(property, schema));
    if (!input) continue;
    inputs.set(name, input);
    const about = theirs((property.description ?? "").replaceAll("`", ""));
    target.append(
      field({ name: `options.${name}`, id: input.id }, theirs(name.replaceAll("_", " ")),
        input, h("p", { class: "hint", id: `${input.id}-about` }, about)));
    input.setAttribute("aria-describedby", `${input.id}-about`);
  }
}

/** The option's schema without "or nothing", and what it is by default. */
function kindOf(property, schema) {
  const variants = property.anyOf ?? [property];
  const kind = variants.find(({ type }) => type !== "null") ?? property;
  const name = kind.$ref?.split("/").pop();
  return { ...(name ? schema.$defs[name] : kind), default: property.default };
}

function inputFor(id, kind) {
  const usual = kind.default ?? null;
  const values = kind.enum ?? (kind.type === "boolean" ? [true, false] : null);
  if (values) return choice(id, values, usual);
  if (kind.type === "number" || kind.type === "integer") {
    const { minimum: least, maximum: most } = kind;
    const placeholder = () => (usual === null ? say("option.own") : number.shown(usual));
    return h("input", { id, placeholder, ...number.numeric({ whole: kind.type === "integer", least, most }) });
  }
  if (kind.type === "string") return h("input", { id, "data-text": true, placeholder: usual ?? "" });
  if (kind.type === "array" && kind.items?.type === "string") {
    return h("textarea", { id, rows: 3, "data-lines": true, placeholder: () => say("option.lines") });
  }
  return null; // not simple: there is the API for it
}

function choice(id, values, usual) {
  const named = (value) => (typeof value === "boolean" ? say(value ? "yes" : "no") : String(value));
  const first = () => (usual === null ? say("option.own") : say("option.default", { value: named(usual) }));
  return h("select", { id },
    h("option", { value: "" }, first),
    values.map((value) => h("option", { value: JSON.stringify(value) }, () => named(value))));
}

/** What was chosen. Throws a Problem at the option's field. */
export function read() {
  const found = {};
  for (const [name, input] of inputs) {
    if (input.value === "") continue;
    const value = valueOf(input);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

function valueOf(input) {
  if ("number" in input.dataset) return number.read(input);
  if ("lines" in input.dataset) return input.value.split("\n");
  return "text" in input.dataset ? input.value : JSON.parse(input.value);
}

export function fill(values) {
  for (const [name, input] of inputs) input.value = textOf(input, values[name] ?? null);
}

function textOf(input, value) {
  if (value === null) return "";
  if ("number" in input.dataset) return number.shown(value);
  if ("lines" in input.dataset) return value.join("\n");
  return "text" in input.dataset ? value : JSON.stringify(value);
}
