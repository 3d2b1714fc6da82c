// What the page asks of the kind of work that is done here: the exports of kind/kind.js. `words`, `first`,
// `fields`, `values` and `fill` must be there; what else is not has its plain answer here. Words are texts, or
// functions that say them (`() => say(key)`) and follow the language. A kind's scripts may import api.js,
// dom.js, language.js, number.js, problem.js and words.js of this folder, and no others.

import * as kind from "./kind/kind.js";
import { megabytes } from "./words.js";

/** `words`: by language, `{ en: {…}, "pt-BR": {…} }`, as in words.en.js; they go before the page's own. */
export const {
  words,
  /** The id of the input that a person begins with. */
  first,
  /** Called once, before the page is drawn: `{ form, more }`, elements; those in `more` lie folded. */
  fields,
  /**
   * What stands in the fields, as the API takes it; what is empty is left out. A `draft` is only looked at: it
   * needs no words that change no figure. Throws a Problem at the first field that is wrong.
   */
  values,
  /** Show these fields of a request, and none of what stood there before. */
  fill,
  /**
   * Learn what the service can do: `info` is /info, `uploads` the limits of files. What changes without an input
   * says so by an event "input" of the form.
   */
  learn = () => {},
  /** The request that makes a job again. */
  again = ({ requested }) => requested,
  /**
   * What makes a job that others were made before: `{ request, whole }`, `whole` if no file of it is missing here.
   * For kinds whose jobs may come from the cache.
   */
  anew = null,
  /** Which `data-field` of the form stands for a field of the API, or for what it is a part of. */
  placeOf = (param) => param,
  /**
   * A file that goes along. `current({ draft })`: {field, file} or null, and in `more` those beside it; throws a
   * Problem where what was chosen is not taken, or is missing: of a `draft` without its `param`, nobody is to blame yet. `praise(sent)`: the service takes it. `blame(problem, sent)`: the id of where it stands, now with
   * the problem's words; null where it was not the file.
   */
  upload = { current: () => null, praise: () => {}, blame: () => null },
  /** What people know a job by: a text. */
  title = ({ resolved, id }) => resolved[first] ?? id,
  /** What will come of a resolved request: `{ headline, figures }`, words. */
  estimate = () => ({}),
  /** Of a running job: puts what is seen of it into `frame`; answers what shows news, `({ step, url })`. */
  preview = () => () => {},
  /** Of a completed job: an element that shows what was made. */
  result = () => null,
  /** Of a job in the history: `{ picture, about }`, an element and words. */
  card = () => ({}),
  /** What a job was made with: `[["size", words], …]`, named by `details.size` of the words. */
  details = () => [],
  /** Words of a result's file. */
  file = ({ size_bytes }) => megabytes(size_bytes),
} = kind;
