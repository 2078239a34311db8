/**
 * A text field with a list of completions, as the ARIA Authoring Practices describe the combobox with list
 * autocomplete: arrows move, Enter takes, Escape closes, then clears. https://www.w3.org/WAI/ARIA/apg/
 */

import { el, replace, text } from "./dom.js";

const PAUSE = 100; // milliseconds
let made = 0;

/**
 * Returns {root, input}.
 *
 * `search(text, signal)` returns a promise of options {value, label, detail}; `choose(option)` takes one, or
 * with `free` whatever was typed; `clear`: whether the field is emptied then.
 */
export function combobox({ label, placeholder, search, choose, free = false, clear = false, key }) {
  const id = `combobox-${++made}`;
  const list = el("ul", { id: `${id}-list`, role: "listbox", "aria-label": label, hidden: true });
  const input = el("input", {
    id, type: "text", role: "combobox", "aria-label": label, "aria-autocomplete": "list",
    "aria-expanded": "false", "aria-controls": list.id, autocomplete: "off", autocapitalize: "off",
    spellcheck: "false", placeholder, "data-key": key });
  let options = [];
  let active = -1;
  let timer = 0;
  let abort = null;

  function close() {
    clearTimeout(timer);
    abort?.abort();
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function show(found) {
    options = found;
    active = -1;
    input.removeAttribute("aria-activedescendant");
    replace(list, found.length ? found.map(row) : el("li", { class: "none muted" }, "nothing found"));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  }

  function row(option, n) {
    return el("li", {
      id: `${id}-${n}`, role: "option", "aria-selected": "false",
      onmousedown: (event) => event.preventDefault(), // the field keeps the focus
      onclick: () => take(option) },
    text(option.label), option.detail ? text(option.detail, { class: "muted" }) : null);
  }

  function move(to) {
    if (!options.length) return;
    list.children[active]?.setAttribute("aria-selected", "false");
    active = (to + options.length) % options.length;
    const chosen = list.children[active];
    chosen.setAttribute("aria-selected", "true");
    chosen.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", chosen.id);
  }

  function take(option) {
    close();
    input.value = clear ? "" : option.value;
    choose(option);
  }

  function ask() {
    clearTimeout(timer);
    abort?.abort();
    abort = new AbortController();
    const { signal } = abort;
    timer = setTimeout(async () => {
      try {
        const found = await search(input.value.trim(), signal);
        if (!signal.aborted && document.activeElement === input) show(found);
      } catch {
        if (!signal.aborted) close(); // what was typed can still be taken
      }
    }, PAUSE);
  }

  function onKey(event) {
    const isOpen = !list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!isOpen) ask();
      else if (event.key === "ArrowDown") move(active + 1);
      else move(active < 0 ? options.length - 1 : active - 1);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const typed = input.value.trim();
      if (isOpen && active >= 0) take(options[active]);
      else if (free && typed) take({ value: typed, label: typed });
      else if (!free && options.length && isOpen) take(options[0]);
    } else if (event.key === "Escape") {
      if (isOpen) close();
      else input.value = "";
      event.preventDefault();
    } else if (event.key === "Tab") {
      close();
    }
  }

  input.addEventListener("input", ask);
  input.addEventListener("keydown", onKey);
  input.addEventListener("blur", close);
  input.addEventListener("click", () => list.hidden && ask());
  return { root: el("div", { class: "combobox" }, input, list), input };
}
