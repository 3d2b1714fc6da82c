// All jobs, newest first, a page at a time.

import { ask, passing } from "./api.js";
import { $, h, tell } from "./dom.js";
import { percent, say } from "./language.js";
import { Problem } from "./problem.js";
import { ended, moment, stateWord } from "./words.js";
import * as work from "./work.js";

const PAGE = 12;
const MOST = 100; // that the service lists at once
const LOOK_MILLISECONDS = 3000;

const cards = new Map(); // job id -> {job, item}
const met = new Set(); // ids of cards that a look or "older" found: nothing is missing between two of them
let cursor = null;
let calls;
let timer;

/** `calls`: open(job), anew(job), cancel(job), remove(job); looked(), at each look: whether to look again. */
export function build(given) {
  calls = given;
  $("older").addEventListener("click", older);
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
}

/** Look at the newest, down to all that may still change, and again while something does. */
export async function refresh() {
  clearTimeout(timer);
  const found = await look();
  if (!found) return;
  place(found.jobs);
  for (const id of found.gone) forget(id);
  const waiting = await calls.looked();
  if (waiting || moving().length) later();
  empty();
}

/** The jobs of a look, newest first, and those moving that are nowhere any more; null where nobody answered. */
async function look() {
  const first = met.size === 0;
  const open = new Set(moving());
  const jobs = [];
  let known = first;
  let next = null;
  do {
    const page = next ? await pageOf(MOST, next) : await pageOf(PAGE);
    if (!page) return null;
    jobs.push(...page.jobs);
    next = page.next_cursor;
    for (const { id } of page.jobs) (open.delete(id), (known ||= met.has(id)));
  } while (next !== null && (known ? open.size > 0 : jobs.length < MOST));
  if (first) more(next);
  if (known) return { jobs: first ? jobs : shown(jobs), gone: open };
  clear(); // too much is new: the list begins anew, and "older" leads to the rest
  more(next);
  return { jobs, gone: [] };
}

/** Without those that are older than all cards: they are for "older". */
const shown = (jobs) => jobs.slice(0, jobs.findLastIndex(({ id }) => met.has(id)) + 1);

/** Ids of what has not ended yet. */
const moving = () => [...cards.values()].filter(({ job }) => !ended(job)).map(({ job }) => job.id);

function later() {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(refresh, LOOK_MILLISECONDS);
}

/** New ones come above the next older one. */
function place(jobs) {
  let below = null;
  for (const job of jobs.toReversed()) {
    put(job, (item) => (below ? below.before(item) : $("history").prepend(item)));
    met.add(job.id);
    below = cards.get(job.id).item;
  }
}

async function older() {
  const page = await pageOf(PAGE, cursor);
  if (!page) return;
  more(page.next_cursor);
  for (const job of page.jobs) {
    put(job, (item) => $("history").append(item));
    met.add(job.id);
  }
  if (moving().length) later();
}

async function pageOf(limit, from = null) {
  try {
    return await ask(`/jobs?limit=${limit}${from ? `&cursor=${encodeURIComponent(from)}` : ""}`);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (passing(problem)) later();
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

/** A new job, or news of one that is known; `lay` gives a new one its place. */
export function put(job, lay = (item) => $("history").prepend(item)) {
  const known = cards.get(job.id);
  if (known && !ended(known.job) && !ended(job) && known.job.state === job.state) {
    tell(known.item.querySelector(".badge"), () => badge(job));
    known.job = job;
    return;
  }
  if (known?.job.state === job.state) return;
  const item = card(job);
  if (known) known.item.replaceWith(item);
  else lay(item);
  cards.set(job.id, { job, item });
  mark(location.hash.slice(1));
  empty();
}

export function forget(id) {
  cards.get(id)?.item.remove();
  cards.delete(id);
  met.delete(id);
  empty();
}

function clear() {
  $("history").replaceChildren();
  cards.clear();
  met.clear();
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
