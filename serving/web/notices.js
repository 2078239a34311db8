/** What the person has to know: failures, parts that did not answer, notes, and a key that is missing. */

import * as api from "./api.js";
import { el, text } from "./dom.js";

const FALLBACKS = {
  request_only: "the request's own profile and history are used, or none",
  popular_items: "popular items take their place",
  own_and_popular_items: "the user's own items and popular ones take their place",
  recall_order: "recall's order is shown",
  without_effects: "the list has no explanations" };
const REASONS = {
  unavailable: "cannot be reached", deadline: "did not answer in time",
  not_found: "does not have this release", overloaded: "is overloaded", refused: "refused the request" };

/** A failed request, with the id by which the server's log knows it. */
export function failure(error, retry) {
  return el("div", { class: "notice error", role: "alert" },
    el("p", {}, el("b", {}, error.status ? `Error ${error.status}: ${error.code}. ` : "No answer. "),
      text(error.message)),
    el("p", { class: "muted" }, error.field ? ["field ", text(error.field), " · "] : null,
      error.requestId ? ["request ", text(error.requestId)] : null,
      error.retryAfter ? ` · the server asks to wait ${error.retryAfter} s` : null),
    retry ? el("button", { type: "button", "data-key": "try-again", onclick: retry }, "Try again") : null);
}

/** A stage that gave no answer. */
export function degraded({ stage, reason, fallback }) {
  return el("div", { class: "notice degraded" }, el("p", {},
    el("b", {}, `Degraded: ${stage} ${REASONS[reason] ?? reason}`), `; ${FALLBACKS[fallback] ?? fallback}.`));
}

export function note(message) {
  return el("div", { class: "notice" }, el("p", {}, text(message)));
}

/** Asks for a key; it stays in this tab. */
export function keyForm(again) {
  const input = el("input", {
    type: "password", autocomplete: "off", required: true, "aria-label": "API key", "data-key": "api-key" });
  const why = api.hasKey() ? "The server does not know this API key. " : "This server needs an API key. ";
  return el("form", { class: "notice error", onsubmit: (event) => {
    event.preventDefault();
    api.setKey(input.value.trim());
    again();
  } }, el("p", {}, el("b", {}, why), "It is kept until this tab is closed, and is never part of a link."),
  el("div", { class: "row" }, input, el("button", {}, "Use this key")));
}
