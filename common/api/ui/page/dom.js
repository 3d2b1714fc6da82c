// Elements from data. Text stays text: nothing here parses HTML.
// A text that is a function is asked again when the language changes.

export const $ = (id) => document.getElementById(id);

const live = new WeakMap(); // node -> what writes it, by attribute

/** An element; `on` holds listeners, false and null attributes are left out. */
export function h(tag, { on = {}, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null && value !== undefined) {
      write(element, name, value === true ? "" : value);
    }
  }
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  tell(element, ...children);
  return element;
}

/** A field of the form with its label: `name` is the API's, `id` that of its input. */
export const field = ({ name, id = name, hidden = false }, label, ...children) =>
  h("div", { class: "field", "data-field": name, hidden }, h("label", { for: id }, label), children);

/** These and nothing else are in an element: texts, elements, lists of them; null is left out. */
export function tell(element, ...children) {
  const given = children.flat(Infinity).filter((child) => child !== null && child !== undefined);
  element.replaceChildren(...given.map((child) => (typeof child === "function" ? text(child) : child)));
}

function text(call) {
  const node = document.createTextNode("");
  return follow(node, "", () => (node.data = call()));
}

/** Set an attribute. */
export function write(element, name, value) {
  const set = (found) => element.setAttribute(name, found);
  if (typeof value === "function") follow(element, name, () => set(value()));
  else (live.get(element)?.delete(name), set(value));
}

function follow(node, name, call) {
  live.set(node, (live.get(node) ?? new Map()).set(name, call));
  call();
  return node;
}

/** Write all texts anew: the language is another one. */
export function reword() {
  const nodes = document.createTreeWalker(document, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  while (nodes.nextNode()) for (const call of live.get(nodes.currentNode)?.values() ?? []) call();
}

/** Only the newest call within `milliseconds` is made. */
export function debounced(milliseconds, call) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(call, milliseconds);
  };
}

/** For screen readers: said once, when it changes. */
export function announce(text) {
  if ($("live").textContent !== text) $("live").textContent = text;
}
