/** What the user did, the newest first; can be changed for the request, without changing the store. */

import * as api from "./api.js";
import * as clock from "./clock.js";
import { combobox } from "./combobox.js";
import { el, field, replace, text, words } from "./dom.js";
import { count } from "./numbers.js";
import * as request from "./request.js";
import { control } from "./values.js";

const FEW = 8; // events that are shown at first

export function panel(root, page) {
  const summary = el("p", { class: "said muted" });
  const list = el("ol", { class: "events" });
  const more = el("button", { type: "button", class: "quiet", "data-key": "more" });
  const reset = el("button", {
    type: "button", class: "quiet",
    onclick: () => page.change({ history: null }) }, "Back to the stored history");
  const add = combobox({
    label: "Add an item to the history", placeholder: "add an item by its title", clear: true,
    key: "add-item", search,
    choose: ({ value }) => page.addToHistory(value) });
  const feedback = el("div", { class: "fields feedback" });
  let shownAll = false;

  async function search(typed, signal) {
    const found = await api.items(typed, 12, { signal });
    page.titles.learn(found);
    return found.map(({ item_id: id, title }) => (
      { value: id, label: title || id, detail: title ? id : "" }));
  }

  more.addEventListener("click", () => {
    shownAll = !shownAll;
    render();
  });

  function edit(change) {
    const events = request.events(page.state, page.person).map(plain);
    change(events);
    page.change({ history: events });
  }

  function remove(n) {
    const gone = request.events(page.state, page.person)[n];
    edit((events) => events.splice(n, 1));
    page.announce(`Removed ${page.titles.of(gone.item_id)} from the history`);
  }

  /** Swaps what happened at two neighbouring times; the times stay. */
  function swap(n, other) {
    edit((events) => {
      const [a, b] = [events[n], events[other]];
      [events[n], events[other]] = [{ ...b, timestamp: a.timestamp }, { ...a, timestamp: b.timestamp }];
    });
  }

  function row(event, n, events, at) {
    const title = page.titles.of(event.item_id);
    const button = (kind, sign, label, run, disabled = false) => el("button", {
      type: "button", class: "icon", "aria-label": `${label}: ${title}`, title: label, disabled,
      "data-key": `${kind}:${n}`, onclick: run }, sign);
    return el("li", { "data-item": event.item_id },
      el("div", { class: "what" }, text(title, { class: "title" }), el("span", { class: "muted when" },
        [...valuesOf(event, page.release), ...ago(event, at)].join(" · "))),
      el("div", { class: "icons" },
        button("newer", "↑", "Make newer", () => swap(n, n - 1), n === 0),
        button("older", "↓", "Make older", () => swap(n, n + 1), n === events.length - 1),
        button("forget", "×", "Remove from the history", () => remove(n))));
  }

  function render() {
    const { state, person, release } = page;
    const events = request.events(state, person);
    const shown = shownAll ? events : events.slice(0, FEW);
    page.titles.load(shown.map((event) => event.item_id));
    const at = request.when(state, person);
    summary.textContent = events.length
      ? `${count(events.length, "event")}, the newest first` +
        (events.length > release.max_history ? `; the models see ${release.max_history}.` : ".")
      : "No events.";
    replace(list, shown.map((event, n) => row(event, n, events, at)));
    more.hidden = events.length <= FEW;
    more.textContent = shownAll ? `Show the newest ${FEW}` : `Show all ${count(events.length, "event")}`;
    reset.hidden = state.history === null;
    root.classList.toggle("changed", state.history !== null);
  }

  const columns = Object.entries(page.release.columns.event)
    .filter(([column]) => !(column in page.release.columns.context));
  replace(feedback, columns.map(([column, spec]) => field(words(column), control(column, spec,
    page.feedback[column] ?? null, (value) => page.setFeedback(column, value), `feedback:${column}`))));
  replace(root, summary, list, el("div", { class: "row" }, more, reset), add.root,
    columns.length ? el("details", { class: "fold" }, el("summary", {}, "Feedback of new events"), feedback)
      : null);
  return { render };
}

/** How long ago it was, where events have times. */
function ago(event, at) {
  return event.timestamp === null ? [] : [clock.earlier(event.timestamp, at)];
}

/** An event as the state keeps it. */
export function plain({ item_id, timestamp, values }) {
  return { item_id, timestamp, values: values ?? {} };
}

function valuesOf(event, release) {
  return Object.entries(event.values ?? {})
    .filter(([column, value]) => value !== null && value !== "" && column in release.columns.event)
    .map(([column, value]) => `${words(column)} ${value}`);
}
