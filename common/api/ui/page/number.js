// A number as people write it, with a comma or a point. Whatever else stands there is an error, never the default.

import { separators, number as written, say } from "./language.js";
import { Problem } from "./problem.js";

const NUMBER = /^[+-]?(\d+([.,]\d*)?|[.,]\d+)$/;
const THOUSANDS = /^[+-]?[1-9]\d{0,2}([.,])\d{3}$/;

/** The attributes of an input that takes a number; `least` and `most` may be left out. */
export const numeric = ({ whole = false, least = null, most = null } = {}) => ({
  "data-number": whole ? "whole" : "any", "data-least": least, "data-most": most,
  inputmode: whole ? "numeric" : "decimal", autocomplete: "off",
});

/** The number in an input, undefined where nothing stands. Throws a Problem at its field. */
export function read(input) {
  const text = input.value.trim();
  if (!text) return undefined;
  const wrong = wrongIn(text, input.dataset);
  if (!wrong) return valueOf(text);
  const [key, values] = wrong;
  throw new Problem({ param: input.closest("[data-field]").dataset.field, message: () => say(key, values()) });
}

/** A number as it is read again. */
export const shown = (value) => String(value).replace(".", separators().decimal);

const valueOf = (text) => Number(text.replace(",", "."));

/** What is wrong with a text: the words, and their values in the language of the moment. */
function wrongIn(text, { number, least, most }) {
  const whole = number === "whole";
  if (!NUMBER.test(text)) return whole ? ["number.whole", () => ({ text })] : ["number.none", () => ({ text, example: shown(2.5) })];
  const thousands = THOUSANDS.exec(text);
  if (thousands && thousands[1] === separators().group) {
    const [before, after] = text.split(thousands[1]);
    return ["number.unclear", () => ({
      text, thousands: before + after, decimals: before + separators().decimal + after })];
  }
  const value = valueOf(text);
  if (whole && !Number.isInteger(value)) return ["number.whole", () => ({ text })];
  if (least !== undefined && value < Number(least)) {
    return ["number.small", () => ({ value: text, least: written(Number(least)) })];
  }
  if (most !== undefined && value > Number(most)) {
    return ["number.large", () => ({ value: text, most: written(Number(most)) })];
  }
  return null;
}
