// All jobs, newest first, a page at a time.

import { ask, passing } from "./api.js";
import { $, h, tell } from "./dom.js";
import { percent, say } from "./language.js";
import { Problem } from "./problem.js";
import { ended, moment, stateWord } from "./words.js";
import * as work from "./work.js";

const PAGE = 12;
const LOOK_MILLISECONDS = 3000;

const cards = new Map(); // job id -> {job, item}
let cursor = null;
let calls;
let timer;

/** `calls`: open(job), anew(job), cancel(job), remove(job); looked(), at each look: whether to look again. */
export function build(given) {
  calls = given;
  $("older").addEventListener("click", older);
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
}

/** Look at the newest page, and again while something is under way there. */
export async function refresh() {
  clearTimeout(timer);
  const page = await pageOf("");
  if (!page) return;
  if (cards.size === 0) more(page.next_cursor);
  for (const job of page.jobs.toReversed()) put(job, "prepend");
  const waiting = await calls.looked();
  const moving = waiting || [...cards.values()].some(({ job }) => !ended(job));
  if (moving && !document.hidden) timer = setTimeout(refresh, LOOK_MILLISECONDS);
  empty();
}

async function older() {
  const page = await pageOf(`&cursor=${encodeURIComponent(cursor)}`);
  if (!page) return;
  more(page.next_cursor);
  for (const job of page.jobs) put(job, "append");
}

async function pageOf(where) {
  try {
    return await ask(`/jobs?limit=${PAGE}${where}`);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (passing(problem)) timer = setTimeout(refresh, LOOK_MILLISECONDS);
    return null;
  }
}

function more(next) {
  cursor = next;
  $("older").hidden = next === null;
}

function empty() {
  $("history-empty").hidden = cards.size > 0;
}

/** A new job, or news of one that is known. */
export function put(job, place = "prepend") {
  const known = cards.get(job.id);
  if (known && !ended(known.job) && !ended(job) && known.job.state === job.state) {
    tell(known.item.querySelector(".badge"), () => badge(job));
    known.job = job;
    return;
  }
  if (known?.job.state === job.state) return;
  const item = card(job);
  if (known) known.item.replaceWith(item);
  else $("history")[place](item);
  cards.set(job.id, { job, item });
  mark(location.hash.slice(1));
  empty();
}

export function forget(id) {
  cards.get(id)?.item.remove();
  cards.delete(id);
  empty();
}

/** Show which one is on the stage. */
export function mark(id) {
  for (const [known, { item }] of cards) {
    const open = item.querySelector(".open");
    if (known === id) open.setAttribute("aria-current", "true");
    else open.removeAttribute("aria-current");
  }
}

function badge({ state, progress }) {
  const far = state === "running" ? `, ${percent(progress.percent)}` : "";
  return stateWord(state) + far;
}

function card(job) {
  const { picture = null, about = null } = work.card(job);
  const before = () => (job.cached_from ? `, ${say("cached")}` : "");
  const meta = () => moment(job.created_at) + (about ? `, ${about()}` : "") + before();
  const open = h("button", { type: "button", class: "open", on: { click: () => calls.open(job) } },
    picture,
    h("span", { class: "words" }, () => work.title(job)),
    h("span", { class: `badge ${job.state}` }, () => badge(job)),
    h("span", { class: "muted meta" }, meta));
  const act = (key, call) => h("button", { type: "button", class: "small quiet",
    "aria-label": () => say(`${key}.named`, { title: work.title(job) }), on: { click: () => call(job) } }, () => say(key));
  const acts = h("div", { class: "acts" },
    job.cached_from && work.anew ? act("anew", calls.anew) : null,
    ended(job) ? act("delete", calls.remove) : act("cancel", calls.cancel));
  return h("li", { "data-id": job.id }, open, acts);
}
