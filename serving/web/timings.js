/** Where the time went: a stacked bar, and the numbers. */

import { el, replace } from "./dom.js";
import * as numbers from "./numbers.js";

/** Shows an answer's `timings_ms`, and how long the browser waited. */
export function render(root, timings, waited) {
  const { total, ...stages } = timings;
  const named = Object.values(stages).reduce((sum, value) => sum + value, 0);
  const shown = Object.entries({ ...stages, other: Math.max(0, total - named) });
  replace(root,
    el("div", { class: "stack", "aria-hidden": "true" }, shown.map(([stage, value]) =>
      el("span", { class: `stage ${stage}`, vars: { "--share": Math.max(value / total, 0.002) } }))),
    el("ul", { class: "stages" }, shown.map(([stage, value]) => el("li", {},
      el("span", { class: `key ${stage}`, "aria-hidden": "true" }), `${stage} `,
      el("b", {}, numbers.milliseconds(value)))),
    el("li", {}, "total ", el("b", {}, numbers.milliseconds(total))),
    el("li", {}, "in the browser ", el("b", {}, numbers.milliseconds(waited)))));
}
