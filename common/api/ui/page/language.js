// The page's language: the browser's own until another is chosen.

import { reword, tell, write } from "./dom.js";
import { keep, kept } from "./kept.js";
import en from "./words.en.js";
import pt from "./words.pt.js";

const TABLES = { en, "pt-BR": pt };
const primary = (tag) => tag.toLowerCase().split("-")[0];
const tagLike = (tag) => Object.keys(TABLES).find((one) => primary(one) === primary(tag));

let language = [kept("language") ?? "", ...navigator.languages].map(tagLike).find(Boolean) ?? "en";

/** How the browser's owner writes numbers and times in this language: en-GB, say. */
const locale = () => navigator.languages.find((tag) => primary(tag) === primary(language)) ?? language;

/** A kind's words, by language, go before the page's own; where it does not speak one, its English does. */
export function learn(words) {
  for (const tag of Object.keys(TABLES)) TABLES[tag] = { ...TABLES[tag], ...(words[tag] ?? words.en) };
}

/** A text of the page, with its values; numbers are written as the language does. */
export function say(key, values = {}) {
  const found = TABLES[language][key];
  const form = typeof found === "string" ? found : found[plural(values.count)] ?? found.other;
  return form.replace(/\{(\w+)\}/g, (_, name) => number(values[name]));
}

export const isSaid = (key) => key in TABLES[language];

const plural = (count) => new Intl.PluralRules(locale()).select(count);

/** A number for people; what is none stays as it is. */
export function number(value, options = { maximumFractionDigits: 20 }) {
  return typeof value === "number" ? new Intl.NumberFormat(locale(), options).format(value) : value;
}

export const percent = (value) => number(Math.floor(value) / 100, { style: "percent" });

export const time = (date, options) => date.toLocaleString(locale(), options);

/** The signs that the language sets between thousands and before decimals. */
export function separators() {
  const parts = new Intl.NumberFormat(locale(), { useGrouping: "always" }).formatToParts(12345.6);
  const of = (type) => parts.find((part) => part.type === type)?.value ?? "";
  return { group: of("group"), decimal: of("decimal") };
}

/** What is chosen here is kept. The button bears the other language's name, in that language. */
export function offer(button) {
  const name = () => {
    const [tag] = Object.keys(TABLES).filter((one) => one !== language);
    button.lang = tag;
    button.value = tag;
    button.textContent = TABLES[tag].language;
  };
  button.addEventListener("click", () => {
    language = button.value;
    keep("language", language);
    document.documentElement.lang = language;
    reword();
    name();
  });
  name();
}

/** Texts of the HTML: `data-words` names one, `data-words-label` that of the attribute aria-label. */
export function fill() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-words]")) {
    tell(element, () => say(element.dataset.words));
  }
  for (const [mark, attribute] of [["wordsLabel", "aria-label"], ["wordsPlaceholder", "placeholder"]]) {
    const named = [...document.querySelectorAll("*")].filter(({ dataset }) => dataset?.[mark]);
    for (const element of named) write(element, attribute, () => say(element.dataset[mark]));
  }
}
