// Before the page is drawn: the kind's fields are in the form, and every word is there.

import { $ } from "./dom.js";
import * as language from "./language.js";
import { fields, first, words } from "./work.js";

language.learn(words);
const { form, more = [] } = fields();
$("more").before(...form);
$("options").before(...more);
$("skip").href = `#${first}`;
language.fill();
