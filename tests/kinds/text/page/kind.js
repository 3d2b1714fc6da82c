// A kind's whole part of the page: a text that a text becomes.

import { $, field, h } from "../dom.js";
import { say } from "../language.js";
import { Problem } from "../problem.js";

export const words = {
  en: { form: "New text", prompt: "Words", missing: "Say what to write about." },
  "pt-BR": { form: "Novo texto", prompt: "Palavras", missing: "Diga sobre o que escrever." },
};
export const first = "prompt";

export const fields = () => ({
  form: [field({ name: "prompt" }, () => say("prompt"), h("textarea", { id: "prompt", rows: 4 }))],
});

export function values({ draft }) {
  const prompt = $("prompt").value.trim();
  if (prompt || draft) return { prompt: prompt || "…" };
  throw new Problem({ param: "prompt", message: () => say("missing") });
}

export const fill = ({ prompt = "" }) => ($("prompt").value = prompt);

export function result({ links }) {
  const text = h("pre", { class: "facts" });
  fetch(links.download).then((answer) => answer.text()).then((made) => (text.textContent = made));
  return text;
}
