// What goes wrong, and how it is said.

import { h } from "./dom.js";
import { isSaid, say } from "./language.js";

/**
 * `message` and `hint` are the service's (text, in English) or the page's own (functions); `param` is the
 * API's name of the field, `at` the id of what to go to where the words stand elsewhere.
 */
export class Problem extends Error {
  constructor({ status = null, code = null, message = null, hint = null, param = null, at = null }) {
    super(code ?? "");
    Object.assign(this, { status, code, words: message, hint, param, at });
  }
}

/** The words of a problem or of a job's error, for `tell`: the page's for its code, then its own. */
export function wordsOf({ code, words, message, hint }) {
  const own = [words ?? message, hint].filter(Boolean);
  const said = own.map((part) => [" ", typeof part === "function" ? part : theirs(part)]);
  return [code ? h("span", { class: "ours" }, () => say(keyOf(code))) : null, ...said];
}

const keyOf = (code) => (isSaid(`code.${code}`) ? `code.${code}` : "code.other");

/** Words of the service, which speaks English. */
export const theirs = (text) => h("span", { lang: "en", class: "theirs" }, text);
