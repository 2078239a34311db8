/** What is known of the user, to be changed for the request. */

import { el, field, replace, words } from "./dom.js";
import { control } from "./values.js";

export function panel(root, page) {
  const fields = el("div", { class: "fields" });
  const undo = el("button", { type: "button", class: "quiet", "data-key": "profile-reset", onclick: () => {
    page.change({ profile: {} });
    reset();
  } }, "Back to the stored profile");
  const columns = Object.entries(page.release.columns.user);

  function set(column, value) {
    const profile = { ...page.state.profile, [column]: value };
    if (same(value, page.person.profile[column] ?? null)) delete profile[column];
    page.change({ profile });
  }

  /** After another user or link: the fields get their values again. */
  function reset() {
    const values = { ...page.person.profile, ...page.state.profile };
    replace(fields, columns.length ? columns.map(([column, spec]) => field(words(column), control(
      column, spec, values[column] ?? null, (value) => set(column, value), `profile:${column}`)))
      : el("p", { class: "muted" }, "Users have no declared columns."));
  }

  replace(root, fields, undo);
  return {
    reset,
    render() {
      undo.hidden = Object.keys(page.state.profile).length === 0;
      root.classList.toggle("changed", !undo.hidden);
    },
  };
}

function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}
