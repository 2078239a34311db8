/** Who asks: a user of the store, any other id, or nobody known. */

import * as api from "./api.js";
import { combobox } from "./combobox.js";
import { el, replace, text } from "./dom.js";
import { count } from "./numbers.js";

export const NOBODY = Object.freeze({ known: false, profile: {}, events: [], trouble: null });

/** What the store knows of a user; `trouble` is an ApiError where it could not be asked. */
export async function load(id) {
  if (id === null) return NOBODY;
  try {
    const found = await api.user(id);
    return { known: true, profile: found.profile, events: found.events, trouble: null };
  } catch (error) {
    return { ...NOBODY, trouble: error.status === 404 ? null : error };
  }
}

/** The panel; `page.choose(id)` is called for another user. */
export function panel(root, page) {
  const field = combobox({
    label: "User", placeholder: "type the beginning of an id", free: true, key: "user",
    search: async (typed, signal) => (await api.users(typed, 12, { signal }))
      .map((id) => ({ value: id, label: id })),
    choose: ({ value }) => page.choose(value) });
  const anonymous = el("button", {
    type: "button", "data-key": "anonymous", onclick: () => page.choose(null) }, "Anonymous");
  const said = el("p", { class: "muted said" });
  replace(root, el("div", { class: "row" }, field.root, anonymous), said,
    el("p", { class: "hint keyboard" }, "Press ", el("kbd", {}, "/"), " to come here from anywhere."));

  return {
    focus() {
      field.input.focus();
      field.input.select();
    },
    render() {
      const { state, person } = page;
      if (document.activeElement !== field.input) field.input.value = state.user ?? "";
      anonymous.setAttribute("aria-pressed", String(state.user === null));
      replace(said, describe(state, person));
    },
  };
}

function describe(state, person) {
  if (state.user === null) return ["Nobody known: context, profile and history below are all there is."];
  if (person.trouble) return ["What the store has on ", text(state.user), " cannot be shown."];
  return person.known ? [text(state.user), `: ${count(person.events.length, "event")} in the store.`]
    : ["The store does not know ", text(state.user), ": context and popularity decide."];
}
