// LoRAs that count for the video, each with its strength. Where the checkpoint takes them, and the service has any.

import { ask } from "../api.js";
import { $, h } from "../dom.js";
import { say } from "../language.js";
import * as number from "../number.js";
import { Problem } from "../problem.js";

let known = [];

/** Where they are chosen. */
export const chooser = () => h("div", { id: "loras", class: "field stack", "data-field": "loras", role: "group",
  "aria-label": () => say("loras"), hidden: true });

/** Learn what the service has. */
export async function learn(capabilities) {
  if (!capabilities.includes("lora")) return;
  try {
    known = (await ask("/loras")).loras;
  } catch (problem) {
    if (problem instanceof Problem) return; // the page does without
    throw problem;
  }
  $("loras").hidden = !known.length;
  $("loras").replaceChildren(...known.map(row));
}

const row = ({ name, trigger_words: words }, index) =>
  h("div", { class: "field check", "data-field": `lora-${index}` },
    h("input", { id: `lora-${index}`, type: "checkbox", on: { change: show } }),
    h("label", { for: `lora-${index}` }, name, words.length ? h("span", { class: "muted" }, ` ${words.join(", ")}`) : null),
    h("input", { id: `strength-${index}`, class: "short", hidden: true, value: "1",
      "aria-label": () => say("lora.strength", { name }), ...number.numeric({ least: -4, most: 4 }) }));

const chosen = (index) => $(`lora-${index}`).checked;

function show() {
  known.forEach((_, index) => ($(`strength-${index}`).hidden = !chosen(index)));
}

/** As a request names them; undefined where none is chosen. */
export function current() {
  const found = known.flatMap(({ name }, index) =>
    chosen(index) ? [{ name, strength: number.read($(`strength-${index}`)) ?? 1 }] : []);
  return found.length ? found : undefined;
}

/** Those of a request; one that is gone stays away. */
export function fill(given = []) {
  known.forEach(({ name }, index) => {
    const used = given.find((each) => each.name === name);
    $(`lora-${index}`).checked = Boolean(used);
    $(`strength-${index}`).value = number.shown(used?.strength ?? 1);
  });
  show();
}
