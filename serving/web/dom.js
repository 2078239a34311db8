/** Makes DOM nodes. Whatever comes from the API becomes text, never HTML. */

/**
 * An element. `attributes`: names starting with "on" are listeners, true and false are set or left out,
 * `vars` are CSS variables; null children are left out.
 */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "vars") for (const [v, x] of Object.entries(value)) made.style.setProperty(v, x);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** The text of an id or title: isolated, so that right-to-left text does not reorder what is beside it. */
export function text(value, attributes = {}) {
  return el("bdi", attributes, String(value));
}

/** Text for screen readers alone. */
export function hidden(value) {
  return el("span", { class: "hidden-text" }, value);
}

/**
 * Replaces all children. The focus stays with the element of the same `data-key`; if that is gone, with the
 * one that took its place among those of its kind (the part of the key before ":").
 */
export function replace(container, ...children) {
  const focused = container.contains(document.activeElement) ? document.activeElement : null;
  const key = focused?.dataset.key;
  const kind = key?.split(":", 1)[0];
  const before = key ? keyed(container, kind).findIndex((node) => node.dataset.key === key) : -1;
  container.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
  if (!key) return;
  const after = keyed(container, kind);
  const next = after.find((node) => node.dataset.key === key) ?? after[Math.min(before, after.length - 1)];
  next?.focus({ preventScroll: true });
}

function keyed(container, kind) {
  return [...container.querySelectorAll("[data-key]")].filter(
    (node) => !node.disabled && node.dataset.key.split(":", 1)[0] === kind);
}

/** A labelled form control. */
export function field(label, control, hint = null) {
  return el("label", { class: "field" }, el("span", { class: "label" }, label), control,
    hint && el("span", { class: "hint" }, hint));
}

/** Names and values. */
export function facts(rows) {
  return el("dl", { class: "facts" }, rows.map(([name, value]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

/** A name of a column or a group of features, for people. */
export function words(name) {
  return name.replaceAll("_", " ");
}
