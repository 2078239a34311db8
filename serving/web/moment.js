/** When the request is made, and the columns that describe its situation. */

import * as clock from "./clock.js";
import { el, field, replace, words } from "./dom.js";
import * as request from "./request.js";
import { control } from "./values.js";

const STEP = 15; // minutes

export function panel(root, page) {
  const timed = request.hasTimes(page.release);
  const zone = page.release.timezone;
  const modes = [["auto", "Auto"], ["now", "Now"], ["set", "Chosen"]].map(([mode, label]) => el("button", {
    type: "button", "data-mode": mode,
    onclick: () => page.change({ at: mode === "set" ? at() : mode }) }, label));
  const exact = el("input", { type: "datetime-local", id: "exact", onchange: () => {
    const chosen = clock.fromInput(exact.value, zone);
    if (chosen !== null && chosen >= 0) page.change({ at: chosen });
  } });
  const slider = el("input", { type: "range", id: "time-of-day", min: 0, max: 24 * 60 - STEP, step: STEP,
    oninput: () => move({ hour: 0, minute: slider.valueAsNumber, second: 0 }) });
  const shownTime = el("output", { for: "time-of-day" });
  const days = clock.WEEKDAYS.map((name, n) => el("button", {
    type: "button", class: "day", "aria-label": name, "data-key": `day:${n}`,
    onclick: () => toDay(n) }, name.slice(0, 2)));
  const explained = el("p", { class: "hint" });
  const context = el("div", { class: "fields" });

  function at() {
    return request.when(page.state, page.person);
  }

  function move(parts) {
    page.change({ at: clock.unix({ ...clock.wall(at(), zone), ...parts }, zone) });
  }

  function toDay(weekday) {
    const now = clock.wall(at(), zone);
    move({ day: now.day + weekday - now.weekday });
  }

  function changeContext(column, value) {
    const next = { ...page.state.context };
    if (value === null) delete next[column];
    else next[column] = value;
    page.change({ context: next });
  }

  const times = [
    el("div", { class: "segments", role: "group", "aria-label": "Time of the request" }, modes), explained,
    field("Date and time", exact, `time zone ${zone}`),
    el("label", { class: "field" }, el("span", { class: "label" }, "Time of day ", shownTime), slider),
    el("div", { class: "segments days", role: "group", "aria-label": "Weekday" }, days)];
  const untimed = el("p", { class: "hint" }, "Events have no times; their order counts.");
  replace(root, ...(timed ? times : [untimed]), context);

  return {
    /** After another user or link: the columns get their values again. */
    reset() {
      const columns = Object.entries(page.release.columns.context);
      replace(context, columns.map(([column, spec]) => field(words(column), control(
        column, spec, page.state.context[column] ?? null, (value) => changeContext(column, value),
        `context:${column}`))));
    },
    render() {
      if (!timed) return;
      const { state } = page;
      const now = clock.wall(at(), zone);
      const mode = Number.isInteger(state.at) ? "set" : state.at;
      for (const button of modes) button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
      days.forEach((day, n) => day.setAttribute("aria-pressed", String(n === now.weekday)));
      if (document.activeElement !== exact) exact.value = clock.input(at(), zone);
      slider.value = now.hour * 60 + now.minute;
      shownTime.value = clock.timeOfDay(now.hour * 60 + now.minute);
      slider.setAttribute("aria-valuetext", `${clock.WEEKDAYS[now.weekday]}, ${shownTime.value}`);
      explained.textContent = explain(state, page.person);
    },
  };
}

function explain(state, person) {
  if (state.at === "now") return "The moment at which the request is sent.";
  if (state.at !== "auto") return "Sent as the request's timestamp.";
  const now = Math.floor(Date.now() / 1000);
  return request.when(state, person, now) === now ? "Now."
    : "An hour after the last event: these data are of the past.";
}
