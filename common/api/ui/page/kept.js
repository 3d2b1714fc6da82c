// What this browser keeps from one visit to the next; nothing, where it keeps nothing.

export function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // the browser was told to keep nothing
  }
}

export function keep(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    return; // it is so until the page is left
  }
}
