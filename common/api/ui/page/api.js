// The service's REST API: JSON in and out, every failure a Problem.

import { Problem } from "./problem.js";

/** Whether it may be gone at the next try: nobody answered, or the service itself was at fault. */
export const passing = ({ status }) => status === 0 || status >= 500;

let signIn = () => {};

/** Called when the service wants to know who is there. */
export function onSignIn(call) {
  signIn = call;
}

/**
 * Ask the service; `body` is an object (sent as JSON) or FormData.
 * Answers the JSON, or null where there is none. Throws a Problem; status 0: nobody answered.
 */
export async function ask(path, { method = "GET", body, signal } = {}) {
  const json = body && !(body instanceof FormData);
  let answer;
  try {
    answer = await fetch(path, {
      method,
      signal,
      headers: json ? { "Content-Type": "application/json" } : {},
      body: json ? JSON.stringify(body) : body,
    });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Problem({ status: 0, code: "unreachable" });
  }
  const content = await answer.json().catch(() => null);
  if (answer.ok) return content;
  if (answer.status === 401) signIn();
  throw new Problem({ code: "unexpected", ...content?.error, status: answer.status });
}

/** All that are sent with a request; none where there is none. */
export const filesOf = (file) => (file ? [file, ...(file.more ?? [])] : []);

/** A form for what carries a file, or `more` of them, else an object. Values of a form are texts. */
export function bodyOf(fields, file) {
  if (!file) return fields;
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue; // as JSON does
    form.append(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  for (const one of filesOf(file)) form.append(one.field, one.file);
  return form;
}
