/** Which release answers, how good it was when it was measured, and the state of its models. */

import { el, facts, replace, text, words } from "./dom.js";
import * as numbers from "./numbers.js";

const FIRST = ["NDCG@10", "HR@10"]; // shown at the top of the page
const SPLIT = "test";

/** The line at the top, whose button shows `details`. */
export function render(line, details, release) {
  const button = el("button", {
    type: "button", class: "quiet", "aria-expanded": String(!details.hidden), "aria-controls": details.id,
    onclick: () => {
      details.hidden = !details.hidden;
      button.setAttribute("aria-expanded", String(!details.hidden));
    } }, "Details");
  replace(line,
    el("span", { class: "fact" }, "release ", el("b", {}, release.release)),
    el("span", { class: "fact" }, numbers.count(release.items, "item")), headline(release.metrics), button);
  replace(details, about(release), table(release.metrics));
}

/** The two-stage system's metrics on the test split. */
function headline(metrics) {
  const systems = metrics?.[SPLIT] ?? {};
  const system = systems.two_stage ?? systems.recall ?? {};
  return FIRST.filter((name) => system[name]).map((name) =>
    el("span", { class: "fact" }, `${SPLIT} ${name} `, el("b", {}, estimate(system[name]))));
}

function about(release) {
  const models = Object.entries(release.models ?? {}).map(([name, { version, state }]) =>
    [`model ${name}`, `${version}: ${state}`]);
  const shown = [["data set", text(release.name)], ["made", release.created ?? "not known"],
    ["recall's list", numbers.count(release.k, "item")],
    ["history", numbers.count(release.max_history, "event")], ["repeats", repeats(release)],
    ["time zone", release.timezone ?? "events have no times"],
    ...models];
  return facts(shown);
}

/** Whether items of a history come back. */
function repeats({ allows_repeats: allowed, repeat_history: events }) {
  return allowed ? `may come back; looked for in the newest ${numbers.count(events, "event")}`
    : "left out unless asked for";
}

/** One row a metric, one column for each split and system. */
function table(metrics) {
  const columns = Object.entries(metrics ?? {}).flatMap(([split, systems]) =>
    Object.entries(systems).map(([system, found]) => ({ split, system, found })));
  const names = [...new Set(columns.flatMap(({ found }) => Object.keys(found)))];
  if (!names.length) return el("p", { class: "muted" }, "This release has no metrics.");
  const cell = (found) => el("td", { class: "number" }, found ? estimate(found) : "–");
  const made = el("table", { class: "metrics" },
    el("caption", {}, "When it was made: mean ± standard error"),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "metric"), columns.map(({ split, system }) =>
      el("th", { scope: "col" }, `${words(system)}, ${split}`)))),
    el("tbody", {}, names.map((name) =>
      el("tr", {}, el("th", { scope: "row" }, name), columns.map(({ found }) => cell(found[name]))))));
  return el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Metrics" }, made);
}

function estimate({ value, se }) {
  return se === null || se === undefined ? value.toFixed(4) : `${value.toFixed(4)} ± ${se.toFixed(4)}`;
}
