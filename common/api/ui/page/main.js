// The page: its parts, and what happens between them.

import { ask, bodyOf } from "./api.js";
import { $, announce, h, tell } from "./dom.js";
import * as estimate from "./estimate.js";
import * as form from "./form.js";
import * as history from "./history.js";
import { keep } from "./kept.js";
import * as language from "./language.js";
import { Problem } from "./problem.js";
import * as queue from "./queue.js";
import * as session from "./session.js";
import * as stage from "./stage.js";
import * as work from "./work.js";

const NAME = document.title;
const config = await ask("/ui/config");
let began = false;

siblings();
theme();
language.offer($("language"));
stage.build({ again, anew, cancel, keep: keepFiles, remove, changed });
queue.build({ told });
history.build({ open, anew, cancel, remove, looked: queue.refresh });
$("form").addEventListener("submit", (event) => (event.preventDefault(), start()));
$("form").addEventListener("input", touched);
$("form").addEventListener("change", estimate.refresh);
addEventListener("hashchange", choose);
addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && began) $("form").requestSubmit();
});
await session.build(begin);

/** Once it is known that we may look. */
async function begin() {
  try {
    if (!began) await learn();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return stage.missing(problem);
  }
  estimate.refresh();
  await history.refresh();
  choose();
}

async function learn() {
  const info = await ask("/info");
  title(info);
  stage.learn(info);
  await form.build(info, config.uploads);
  began = true;
}

function title({ title: name, checkpoint, stands_in_for }) {
  document.title = `${name}, ${NAME}`;
  $("title").textContent = name;
  const stand = () => language.say("stands_in", { model: stands_in_for });
  tell($("about"), checkpoint.id, stands_in_for ? [", ", h("strong", {}, stand)] : []);
}

function siblings() {
  const here = `${location.protocol}//${location.hostname}`;
  const address = (url) => `${url.startsWith(":") ? here + url : url.replace(/\/+$/, "")}/ui/`;
  $("siblings").replaceChildren(...config.siblings.map(({ name, url }) =>
    h("a", { href: address(url), "aria-current": name === config.model ? "page" : null }, name)));
  $("siblings").hidden = config.siblings.length < 2;
}

function theme() {
  const dark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const name = () => tell($("theme"), () => language.say(dark() ? "theme.light" : "theme.dark"));
  $("theme").addEventListener("click", () => {
    const next = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    keep("theme", next);
    name();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);
  name();
}

async function start() {
  $("start").disabled = true;
  let file = null;
  try {
    const fields = form.read();
    file = await work.upload.current({ draft: false });
    const job = await ask("/generate", { method: "POST", body: bodyOf(fields, file) });
    work.upload.praise(file);
    form.clearProblems();
    history.put(job);
    location.hash = job.id;
    if (matchMedia("(max-width: 859px)").matches) $("stage").scrollIntoView();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const at = work.upload.blame(problem, file);
    if (at) (form.clearProblems(), $(at).focus());
    else form.showProblem(problem, { sent: true });
  } finally {
    $("start").disabled = false;
  }
}

function touched() {
  form.changed();
  estimate.refresh();
}

/** Also where the address names it already: it may not have come to the stage. */
function open({ id }) {
  if (location.hash === `#${id}`) choose();
  else location.hash = id;
}

/** The job that the address names is on the stage. */
function choose() {
  const id = location.hash.slice(1);
  history.mark(id);
  if (id === work.first) return; // the link that skips the bar
  if (!id) stage.clear();
  else if (id !== stage.showing()) stage.show(id);
}

function again(job) {
  form.fill(work.again(job));
  announce(language.say("again.done"));
  $(work.first).focus();
  estimate.refresh();
}

/** Make a job that came from the cache; where its files are not here, its settings are in the form. */
async function anew(job) {
  const { request, whole } = work.anew(job);
  if (!whole) return again({ ...job, requested: request });
  const made = await told(() => ask("/generate", { method: "POST", body: request }));
  if (made) (history.put(made), (location.hash = made.id));
}

function changed(job) {
  history.put(job);
  history.refresh();
}

async function cancel(job) {
  await told(() => ask(job.links.cancel, { method: "POST" }));
  await history.refresh();
}

async function keepFiles({ id, kept, links }) {
  await told(() => ask(`${links.self}/keep`, { method: kept ? "DELETE" : "POST" }));
  announce(language.say(kept ? "keep.undone" : "keep.done"));
  if (stage.showing() === id) await stage.show(id);
}

async function remove(job) {
  if (!(await confirmed(job))) return;
  await told(() => ask(job.links.self, { method: "DELETE" }));
  history.forget(job.id);
  if ([stage.showing(), location.hash.slice(1)].includes(job.id)) {
    stage.clear();
    window.history.replaceState(null, "", location.pathname);
  }
  $("history-title").scrollIntoView({ block: "nearest" });
  announce(language.say("delete.done"));
  await history.refresh();
}

function confirmed(job) {
  const dialog = $("confirm");
  $("confirm-text").textContent = work.title(job);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((answer) =>
    dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true }));
}

/** Do it, and say what went wrong; what is gone already needs no words. */
async function told(call) {
  try {
    return await call();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status !== 404) form.showProblem(problem, { sent: true });
    return null;
  }
}
