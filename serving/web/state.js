/**
 * What the user of the page has chosen, and its form in the URL's hash, which never leaves the browser.
 *
 *   user     id, or null for nobody known
 *   at       Unix seconds of the request; "now"; or "auto": now, with data of the past after the last event
 *   profile  columns that replace the stored ones        context  columns with the role context
 *   history  events in the place of the stored ones, newest first: {item_id, timestamp, values}; or null.
 *            A timestamp is null where events have no times
 *   deny     ids that must not come back
 *   seen     whether items of the history may come back, or null: as the release says
 *   filters  columns of items, as the API takes them      k        length of the list; null for the usual one
 */
export const START = Object.freeze({
  user: null, at: "auto", profile: {}, context: {}, history: null, deny: [], seen: null, filters: {},
  k: null });

const AS_JSON = ["profile", "context", "history", "deny", "filters"];

/** The state that a hash describes; what it does not know or cannot read is left at the start. */
export function fromHash(hash) {
  const found = structuredClone(START);
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  if (given.get("user")) found.user = given.get("user");
  const at = given.get("at");
  if (at === "now") found.at = "now";
  else if (at !== null && /^\d{1,10}$/.test(at)) found.at = Number(at);
  if (/^\d{1,5}$/.test(given.get("k") ?? "")) found.k = Number(given.get("k"));
  if (/^[01]$/.test(given.get("seen") ?? "")) found.seen = given.get("seen") === "1";
  for (const name of AS_JSON) if (given.has(name)) found[name] = parsed(name, given.get(name));
  return found;
}

/** The hash of a state: only what differs from the start. */
export function toHash(state) {
  const given = new URLSearchParams();
  if (state.user !== null) given.set("user", state.user);
  if (state.at !== START.at) given.set("at", state.at);
  if (state.k !== null) given.set("k", state.k);
  if (state.seen !== null) given.set("seen", state.seen ? "1" : "0");
  for (const name of AS_JSON) {
    const value = name === "history" ? packed(state.history) : state[name];
    if (JSON.stringify(value) !== JSON.stringify(START[name])) given.set(name, JSON.stringify(value));
  }
  const made = String(given);
  return made ? `#${made}` : "";
}

/** Events as short arrays. */
function packed(events) {
  return events && events.map(({ item_id, timestamp, values }) => [item_id, timestamp, values]);
}

function parsed(name, given) {
  let value;
  try {
    value = JSON.parse(given);
  } catch {
    return structuredClone(START[name]);
  }
  if (name === "history") return Array.isArray(value) ? value.filter(isEvent).map(event) : null;
  if (name === "deny") return Array.isArray(value) ? value.filter((id) => typeof id === "string") : [];
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}

function isEvent(value) {
  return Array.isArray(value) && typeof value[0] === "string"
    && (Number.isInteger(value[1]) || value[1] === null);
}

function event([item_id, timestamp, values]) {
  return { item_id, timestamp, values: values !== null && typeof values === "object" ? values : {} };
}
