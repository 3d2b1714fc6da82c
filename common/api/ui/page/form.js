// The form: the kind's fields and the model's own options, read into a request and filled from one;
// problems at their fields.

import { $, h, tell, write } from "./dom.js";
import * as options from "./options.js";
import { wordsOf } from "./problem.js";
import * as work from "./work.js";

export async function build(info, uploads) {
  options.build($("options"), info.options);
  $("more").hidden = !$("more").querySelector(".field");
  await work.learn({ info, uploads });
}

/** The request as it stands. Throws a Problem at the first field that is wrong. */
export function read({ draft = false } = {}) {
  const fields = work.values({ draft });
  const own = $("options").hidden ? {} : options.read(); // a kind hides them where no model is asked
  return Object.keys(own).length ? { ...fields, options: own } : fields;
}

/** Show these fields of a request, and none of what stood there before. */
export function fill(fields) {
  work.fill(fields);
  options.fill(fields.options ?? {});
  clearProblems();
}

// Problems

const place = (name) => document.querySelector(`#form [data-field="${CSS.escape(name)}"]`);

/** Where the API's `param` is on this page: the field itself, or what it is a part of. */
function placeOf(param) {
  for (let name = work.placeOf(param); name; name = name.slice(0, Math.max(0, name.lastIndexOf(".")))) {
    const found = place(name);
    if (found && !found.hidden) return found;
  }
  return null;
}

/** What takes the words back: those of a start, and those of a look at the form as it stands. */
const standing = { sent: () => {}, looked: () => {} };

function takeBack(kind) {
  standing[kind]();
  standing[kind] = () => {};
}

/** What was said at a start stands until something is changed. */
export const changed = () => takeBack("sent");

/** The form is fine as it stands. */
export const settled = () => takeBack("looked");

export const clearProblems = () => (changed(), settled());

/** Say what is wrong at its field, or above the button where it is nobody's; `sent`: it was started. */
export function showProblem(problem, { sent }) {
  settled();
  if (sent) changed();
  const where = problem.param ? placeOf(problem.param) : null;
  if (!sent && where?.querySelector("[role=alert]")) return; // it is said there already
  const kind = sent ? "sent" : "looked";
  standing[kind] = where ? showAt(where, problem, sent) : showAbove(problem, sent);
}

function showAbove(problem, sent) {
  tell($("form-problem"), wordsOf(problem));
  $("form-problem").hidden = false;
  if (sent && problem.at) $(problem.at).focus();
  return () => ($("form-problem").hidden = true);
}

function showAt(where, problem, sent) {
  for (let fold = where.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  const id = `${where.dataset.field}-problem`;
  const note = h("p", { class: "problem", id, role: sent ? "alert" : null }, wordsOf(problem));
  where.append(note);
  const own = where.querySelector("input.follows:not([hidden])");
  const input = own ?? where.querySelector("input:not([hidden]), textarea, select");
  const unmark = input ? mark(input, id) : () => {};
  if (sent) input?.focus();
  return () => (note.remove(), unmark());
}

/** The words with this id are an input's error; answers what takes it back. */
function mark(input, id) {
  const before = input.getAttribute("aria-describedby");
  write(input, "aria-invalid", "true");
  write(input, "aria-errormessage", id);
  write(input, "aria-describedby", before ? `${before} ${id}` : id);
  return () => {
    for (const name of ["aria-invalid", "aria-errormessage", "aria-describedby"]) input.removeAttribute(name);
    if (before) write(input, "aria-describedby", before);
  };
}

/** Whether the person has said anything in a field, so that it can be wrong already. */
export function touched(param) {
  const where = param && placeOf(param);
  const inputs = where ? [...where.querySelectorAll("input, textarea, select")] : [];
  return inputs.some((input) => input.value !== "") || Boolean(where?.querySelector(".filled")); // a file
}
