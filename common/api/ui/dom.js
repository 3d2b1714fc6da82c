// Elements from data. Text stays text: nothing here parses HTML.

export const $ = (id) => document.getElementById(id);

/** An element; `on` holds listeners, false and null attributes are left out. */
export function h(tag, { on = {}, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
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
