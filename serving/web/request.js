/** The request for recommendations that a state means. */

import { DAY } from "./clock.js";

const USUAL_K = 50;
const LONG_AGO = 365 * DAY; // after which data are of the past, and "now" would tell the models little
const AFTER = 3600; // seconds between the last event and the request, with such data

/** The events that the request is about, newest first. */
export function events(state, person) {
  return state.history ?? person.events;
}

/** Whether events have times; else requests have none, and the order of events is that of their list. */
export function hasTimes(release) {
  return release.timezone !== null;
}

/** The request's Unix seconds. */
export function when(state, person, now = Math.floor(Date.now() / 1000)) {
  if (Number.isInteger(state.at)) return state.at;
  const last = Math.max(0, ...events(state, person).map((event) => event.timestamp));
  return state.at === "auto" && last > 0 && now - last > LONG_AGO ? last + AFTER : now;
}

/** How long a list to ask for. */
export function length(state, release) {
  return Math.max(1, Math.min(state.k ?? USUAL_K, release.k));
}

/** The body of POST /v1/recommend. */
export function body(state, person, release) {
  const made = { k: length(state, release), explain: release.has_rank !== false, candidates: true };
  if (state.user !== null) made.user_id = state.user;
  const time = when(state, person);
  const timed = hasTimes(release);
  if (timed && state.at !== "now" && Math.abs(time - Date.now() / 1000) > 60) made.timestamp = time;
  if (filled(state.profile)) made.profile = state.profile;
  if (filled(state.context)) made.context = state.context;
  if (state.history !== null) made.history = state.history.map((event) => past(event, timed)).reverse();
  if (state.deny.length) made.exclude = state.deny;
  if (state.seen !== null) made.exclude_seen = !state.seen;
  if (filled(state.filters)) made.filters = state.filters;
  return made;
}

/** The same request for a terminal. A key is never written out. */
export function curl(origin, made, withKey) {
  const key = withKey ? ' -H "X-API-Key: $API_KEY"' : "";
  return `curl -H 'Content-Type: application/json'${key} ${quoted(`${origin}/v1/recommend`)} -d ` +
    quoted(JSON.stringify(made));
}

function past({ item_id, timestamp, values }, timed) {
  return timed ? { item_id, timestamp, ...values } : { item_id, ...values };
}

function filled(given) {
  return Object.keys(given).length > 0;
}

/** For a POSIX shell. */
function quoted(value) {
  return `'${value.replaceAll("'", "'\\''")}'`;
}
