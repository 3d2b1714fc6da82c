// Who is there, where the service asks for an API key.

import { ask, onSignIn } from "./api.js";
import { $, h, tell } from "./dom.js";
import { say } from "./language.js";
import { Problem, wordsOf } from "./problem.js";

const ROUTE = "/auth/session";

let scopes = [];

/** Whether whoever is there may do everything. */
export const admin = () => scopes.includes("admin");

/** Ask for a key where one is needed; `begin` is called once somebody may look. */
export async function build(begin) {
  onSignIn(open);
  $("sign-in-form").addEventListener("submit", (event) => (event.preventDefault(), send(begin)));
  $("sign-in-close").addEventListener("click", () => $("sign-in").close());
  const session = await ask(ROUTE);
  offer(session);
  if (session.required && !session.user) return open();
  return begin();
}

function open() {
  if (!$("sign-in").open) $("sign-in").showModal();
}

function offer({ required, user, scopes: given }) {
  scopes = given;
  $("session").hidden = !(required || user);
  tell($("session"), () => (user ? say("sign_out", { user }) : say("sign_in")));
  $("session").onclick = user ? signOut : open;
}

async function send(begin) {
  $("sign-in").querySelector(".problem")?.remove();
  try {
    await ask(ROUTE, { method: "POST", body: { api_key: $("api_key").value } });
    $("api_key").value = "";
    $("sign-in").close();
    offer(await ask(ROUTE));
    await begin();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    $("api_key").closest(".field").append(h("p", { class: "problem", role: "alert" }, wordsOf(problem)));
    $("api_key").focus();
  }
}

async function signOut() {
  await ask(ROUTE, { method: "DELETE" }).catch(() => null);
  location.reload();
}
