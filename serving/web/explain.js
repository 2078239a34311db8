/** Why an item stands where it does: how far each group of features moved its rank score. */

import { el, words } from "./dom.js";
import * as numbers from "./numbers.js";

/** The largest effect in a list of items, to which all bars are drawn. */
export function scale(items) {
  return Math.max(1e-9, ...items.flatMap((item) => Object.values(item.effects ?? {}).map(Math.abs)));
}

/** Diverging bars, the largest effect first. */
export function bars(effects, largest) {
  const rows = Object.entries(effects).sort(([, a], [, b]) => Math.abs(b) - Math.abs(a));
  return el("table", { class: "effects" },
    el("caption", {}, "What moved its rank score, against an average of training"),
    el("tbody", {}, rows.map(([group, effect]) => el("tr", {},
      el("th", { scope: "row" }, words(group)),
      el("td", { class: "track", "aria-hidden": "true" }, el("span", {
        class: effect < 0 ? "bar minus" : "bar plus",
        vars: { "--size": `${50 * Math.abs(effect) / largest}%` } })),
      el("td", { class: "number" }, numbers.signed(effect))))));
}

/** The two largest effects in words. */
export function summary(effects) {
  return Object.entries(effects).sort(([, a], [, b]) => Math.abs(b) - Math.abs(a)).slice(0, 2)
    .map(([group, effect]) => `${words(group)} ${numbers.signed(effect)}`).join(", ");
}
