// The model's own options, as inputs: from the JSON schema that /info gives.

import { h } from "./dom.js";

let inputs = new Map();

export function build(target, schema) {
  inputs = new Map();
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const input = inputFor(`option-${name}`, kindOf(property, schema));
    if (!input) continue;
    inputs.set(name, input);
    target.append(
      h("div", { class: "field", "data-field": `options.${name}` },
        h("label", { for: input.id }, name.replaceAll("_", " ")),
        input,
        h("p", { class: "hint" }, (property.description ?? "").replaceAll("`", ""))),
    );
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
  if (values) {
    const named = (value) => (value === true ? "yes" : value === false ? "no" : String(value));
    return h("select", { id },
      h("option", { value: "" }, usual === null ? "model's own" : `default: ${named(usual)}`),
      values.map((value) => h("option", { value: JSON.stringify(value) }, named(value))));
  }
  if (kind.type === "number" || kind.type === "integer") {
    const step = kind.type === "integer" ? "1" : "any";
    const { minimum: min, maximum: max } = kind;
    return h("input", { id, type: "number", step, min, max, placeholder: usual ?? "model's own" });
  }
  if (kind.type === "string") return h("input", { id, "data-text": true, placeholder: usual ?? "" });
  if (kind.type === "array" && kind.items?.type === "string") {
    return h("textarea", { id, rows: 3, "data-lines": true, placeholder: "one a line" });
  }
  return null; // not simple: there is the API for it
}

export function read() {
  const found = {};
  for (const [name, input] of inputs) {
    if (input.value === "") continue;
    if ("lines" in input.dataset) found[name] = input.value.split("\n");
    else found[name] = "text" in input.dataset ? input.value : JSON.parse(input.value);
  }
  return found;
}

export function fill(values) {
  for (const [name, input] of inputs) {
    const value = values[name];
    if (value === undefined || value === null) input.value = "";
    else if ("lines" in input.dataset) input.value = value.join("\n");
    else input.value = "text" in input.dataset ? value : JSON.stringify(value);
  }
}
