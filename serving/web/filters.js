/** How long the list is and what may be in it: attributes of items, items of the history, denied items. */

import * as api from "./api.js";
import { el, field, replace, text, words } from "./dom.js";
import * as request from "./request.js";
import { several } from "./values.js";

const MOST_KNOWN = 200; // values of an attribute that are suggested

export function panel(root, page) {
  const { release } = page;
  const length = el("input", { type: "number", min: 1, max: release.k, step: 1, oninput: () => {
    if (length.value && length.validity.valid) page.change({ k: length.valueAsNumber });
  } });
  const seen = el("input", { type: "checkbox", onchange: () => page.change(
    { seen: seen.checked === release.allows_repeats ? null : seen.checked }) });
  const attributes = el("div", { class: "fields" });
  const denied = el("ul", { class: "chips", "aria-label": "Denied items" });
  const deniedTitle = el("h3", {});
  let known = {};

  function set(column, wanted) {
    const filters = { ...page.state.filters };
    if (wanted === null) delete filters[column];
    else filters[column] = wanted;
    page.change({ filters });
  }

  function attribute([column, spec]) {
    const wanted = page.state.filters[column];
    if (spec.kind === "numeric") return range(column, wanted ?? {}, (value) => set(column, value));
    const given = wanted === undefined ? [] : [wanted].flat();
    return field(words(column), several(known[column] ?? [], given, (value) => set(column, value),
      { "aria-label": words(column), "data-key": `filter:${column}` }));
  }

  /** After another user or link: the fields get their values again. */
  function reset() {
    const columns = Object.entries(release.columns.item).filter(([, spec]) => spec.kind !== "vector");
    replace(attributes, columns.map(attribute));
  }

  api.items("", 100).then((items) => {
    page.titles.learn(items);
    known = valuesOf(items);
    if (!attributes.contains(document.activeElement)) reset();
  }, () => {}); // they are suggestions, no more

  replace(root, el("div", { class: "fields" }, field("Length", length, `at most ${release.k}`)),
    el("label", { class: "check" }, seen, " Items of the history may come back"), attributes, deniedTitle,
    denied);
  return {
    reset,
    render() {
      const { state } = page;
      if (document.activeElement !== length) length.value = request.length(state, release);
      seen.checked = state.seen ?? release.allows_repeats;
      page.titles.load(state.deny);
      deniedTitle.textContent = state.deny.length ? "Denied items" : "";
      replace(denied, state.deny.map((id) => {
        const title = page.titles.of(id);
        return el("li", { class: "chip" }, text(title), el("button", {
          type: "button", class: "icon", "aria-label": `Allow again: ${title}`, title: "Allow again",
          "data-key": `allow:${id}`,
          onclick: () => page.change({ deny: state.deny.filter((other) => other !== id) }) }, "↺"));
      }));
    },
  };
}

function range(column, wanted, changed) {
  const bounds = { min: wanted.min ?? null, max: wanted.max ?? null };
  const bound = (name, label) => el("input", {
    type: "number", step: "any", value: bounds[name] ?? "", placeholder: label,
    "aria-label": `${words(column)}, ${label}`, "data-key": `filter:${column}-${name}`,
    oninput: ({ target }) => {
      if (target.validity.badInput) return;
      bounds[name] = target.value === "" ? null : target.valueAsNumber;
      const given = Object.fromEntries(Object.entries(bounds).filter(([, value]) => value !== null));
      changed(Object.keys(given).length ? given : null);
    } });
  return el("div", { class: "field" }, el("span", { class: "label" }, words(column)),
    el("div", { class: "row" }, bound("min", "from"), bound("max", "to")));
}

/** The texts that items have, by column. */
function valuesOf(items) {
  const found = {};
  for (const [column, value] of items.flatMap((item) => Object.entries(item.features))) {
    const texts = [value].flat().filter((one) => typeof one === "string" && one);
    found[column] = new Set([...(found[column] ?? []), ...texts]);
  }
  return Object.fromEntries(Object.entries(found)
    .map(([column, values]) => [column, [...values].sort().slice(0, MOST_KNOWN)]));
}
