/** Form controls for values of columns; GET /v1/release says their kind, choices, default and dimension. */

import { el, replace, text, words } from "./dom.js";

/**
 * The control; `changed(value)` gets null where nothing is known, and is not called for what cannot be read.
 */
export function control(column, spec, value, changed, key) {
  const options = { "aria-label": words(column), "data-key": key };
  if (spec.kind === "numeric") return number(value, changed, { ...options, placeholder: spec.default ?? "" });
  if (spec.kind === "vector") return vector(value, changed, options, spec.dimension);
  if (spec.kind === "multi_categorical") return several(spec.choices ?? [], value ?? [], changed, options);
  if (spec.choices?.length) return select(spec.choices, value, changed, options);
  return el("input", { ...options, type: "text", value: value ?? "",
    oninput: (event) => changed(event.target.value || null) });
}

/** Several texts: those that are there can be taken away, others added by typing or from what is known. */
export function several(known, value, changed, options) {
  const id = `known-${options["data-key"]?.replaceAll(/\W/g, "-")}`;
  const chips = el("ul", { class: "chips" });
  const input = el("input", { ...options, type: "text", list: id, placeholder: "add, then Enter" });
  let chosen = [...value];

  function set(next) {
    chosen = next;
    show();
    changed(chosen.length ? chosen : null);
  }

  function show() {
    replace(chips, chosen.map((one) => el("li", { class: "chip" }, text(one), el("button", {
      type: "button", class: "icon", "aria-label": `Remove ${one}`, "data-key": `chip:${one}`,
      onclick: () => set(chosen.filter((other) => other !== one)) }, "×"))));
  }

  function add() {
    const typed = input.value.trim();
    if (!typed || chosen.includes(typed)) return;
    input.value = "";
    set([...chosen, typed]);
  }

  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    add();
  });
  input.addEventListener("change", add);
  show();
  return el("div", { class: "several" }, chips, input,
    el("datalist", { id }, known.map((one) => el("option", { value: one }))));
}

function number(value, changed, options) {
  return el("input", {
    ...options, type: "number", step: "any", value: value ?? "",
    oninput: ({ target }) => {
      if (!target.validity.badInput) changed(target.value === "" ? null : target.valueAsNumber);
    } });
}

function vector(value, changed, options, dimension) {
  const input = el("input", {
    ...options, type: "text", value: (value ?? []).join(", "),
    placeholder: `${dimension} numbers with commas` });
  input.addEventListener("change", () => {
    const numbers = input.value.split(",").filter((part) => part.trim()).map(Number);
    if (numbers.every(Number.isFinite)) changed(numbers.length ? numbers : null);
  });
  return input;
}

function select(choices, value, changed, options) {
  const all = value && !choices.includes(value) ? [value, ...choices] : choices;
  const made = el("select", options, el("option", { value: "" }, "not known"),
    all.map((choice) => el("option", { value: choice }, choice)));
  made.value = value ?? "";
  made.addEventListener("change", () => changed(made.value || null));
  return made;
}
