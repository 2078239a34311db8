/** Wires the page: a change of the state asks for a new list; each panel shows what concerns it. */

import * as api from "./api.js";
import * as changes from "./changes.js";
import * as copying from "./copy.js";
import { replace } from "./dom.js";
import * as filters from "./filters.js";
import * as history from "./history.js";
import * as lists from "./lists.js";
import { Live } from "./live.js";
import * as moment from "./moment.js";
import * as notices from "./notices.js";
import * as numbers from "./numbers.js";
import * as profile from "./profile.js";
import * as releases from "./release.js";
import * as request from "./request.js";
import * as states from "./state.js";
import * as timings from "./timings.js";
import { Titles } from "./titles.js";
import * as users from "./user.js";

const WIDE = "(min-width: 72rem)";
const byId = (id) => document.getElementById(id);

class Page {
  state = states.fromHash(location.hash);
  release = null;
  person = users.NOBODY;
  answer = null;
  previous = null; // places in the list before
  feedback = {}; // values of events that are added here
  titles = new Titles(() => this.#render());
  #panels = {};
  #error = null;
  #asked = 0; // milliseconds, when the request was sent
  #people = 0; // counts the users that were loaded, so that an answer that comes late is known
  #live = new Live((signal) => this.#recommend(signal), {
    start: () => this.#busy(true),
    answer: (answer) => this.#answered(answer),
    error: (error) => this.#failed(error) });

  async start() {
    try {
      await this.#readRelease();
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#error = null;
    if (!this.#panels.user) this.#makePanels();
    await this.#loadPerson();
  }

  /** Another user: what was changed of the one before is dropped; time, filters and length stay. */
  choose(user) {
    const { at, k, seen, filters: wanted, context } = this.state;
    this.state = { ...structuredClone(states.START), at, k, seen, filters: wanted, context, user };
    this.previous = null;
    globalThis.history.pushState(null, "", location.pathname + states.toHash(this.state));
    this.#loadPerson();
  }

  change(patch) {
    Object.assign(this.state, patch);
    globalThis.history.replaceState(null, "", location.pathname + states.toHash(this.state));
    this.#render();
    this.#live.request();
  }

  setFeedback(column, value) {
    this.feedback[column] = value;
  }

  /** An item becomes the last event, for this page alone. */
  addToHistory(itemId) {
    const made = { item_id: itemId, timestamp: this.#now(), values: this.#given() };
    this.change({ history: [made, ...request.events(this.state, this.person).map(history.plain)] });
    this.announce(`${this.titles.of(itemId)} is the last event now`);
  }

  /** An item becomes the last event, in the store. */
  async send(item) {
    const made = { item_id: item.item_id, timestamp: this.#now() };
    const time = made.timestamp === null ? {} : { timestamp: made.timestamp };
    try {
      const added = await api.addEvent(
        { user_id: this.state.user, item_id: made.item_id, ...time, ...this.#given() });
      const { history: changed } = this.state;
      if (changed) this.state.history = [{ ...made, values: this.#given() }, ...changed];
      await this.#loadPerson();
      this.announce(added.accepted ? `The store has the event: ${this.titles.of(item.item_id)}`
        : "The store had this event already");
    } catch (error) {
      this.#failed(error);
    }
  }

  deny(item) {
    this.change({ deny: [...this.state.deny.filter((id) => id !== item.item_id), item.item_id] });
    this.announce(`Denied: ${this.titles.of(item.item_id)}`);
  }

  open(itemId) {
    this.#panels.answer.open(itemId);
  }

  announce(message) {
    byId("live").textContent = message;
  }

  /** A link was opened, or the browser went back. */
  follow() {
    this.state = states.fromHash(location.hash);
    this.previous = null;
    if (this.release) this.#loadPerson();
  }

  ask() {
    if (!this.release) this.start();
    else if (this.person.trouble) this.#loadPerson();
    else this.#live.request();
  }

  async copyCurl() {
    if (!this.release) return;
    const made = request.body(this.state, this.person, this.release);
    const command = request.curl(location.origin, made, api.hasKey());
    if (await copying.copy(command)) this.announce("The command is copied");
  }

  async copyLink() {
    if (await copying.copy(location.href)) this.announce("The link is copied");
  }

  focusUser() {
    this.#panels.user?.focus();
  }

  async #readRelease() {
    const before = this.release;
    this.release = await api.release();
    if (before && needsPanels(before, this.release)) {
      this.#makePanels();
      for (const panel of Object.values(this.#panels)) panel.reset?.();
      this.#render();
    }
    byId("name").textContent = this.release.name;
    document.title = `${this.release.name} · recommendations`;
    releases.render(byId("release"), byId("release-details"), this.release);
  }

  #makePanels() {
    const made = { user: users.panel, moment: moment.panel, history: history.panel, profile: profile.panel,
      filters: filters.panel };
    for (const [name, panel] of Object.entries(made)) this.#panels[name] = panel(byId(name), this);
    this.#panels.recall = lists.recallPanel(byId("recall"), this);
    this.#panels.answer = lists.answerPanel(byId("items"), this);
  }

  async #loadPerson() {
    const turn = ++this.#people;
    this.#busy(true);
    const person = await users.load(this.state.user);
    if (turn !== this.#people) return;
    this.person = person;
    this.titles.learn(person.events);
    for (const panel of Object.values(this.#panels)) panel.reset?.();
    this.#render();
    this.#live.request(0);
  }

  #recommend(signal) {
    this.#asked = performance.now();
    return api.recommend(request.body(this.state, this.person, this.release), { signal });
  }

  async #answered(answer) {
    const before = this.answer && changes.places(this.answer.items);
    const isSameUser = this.answer?.user_id === answer.user_id;
    this.previous = isSameUser ? before : null;
    this.answer = answer;
    this.#error = null;
    this.titles.learn([...(answer.candidates ?? []), ...answer.items]);
    this.#busy(false);
    timings.render(byId("timings"), answer.timings_ms, performance.now() - this.#asked);
    const changed = changes.describe(answer.items, this.previous);
    byId("changes").textContent = changed ?? "";
    this.announce(`${numbers.count(answer.items.length, "recommendation")}. ${changed ?? ""}` +
      answer.degraded.map(({ stage }) => ` Degraded: ${stage} gave no answer.`).join(""));
    this.#render();
    const isAnother = answer.release !== null && answer.release !== this.release.release;
    if (isAnother) await this.#readRelease().catch(() => {}); // the next answer tries again
  }

  #failed(error) {
    this.#error = error;
    this.#busy(false);
    this.#renderNotices();
  }

  #busy(isBusy) {
    for (const id of ["recall", "items"]) byId(id).setAttribute("aria-busy", String(isBusy));
  }

  #render() {
    for (const panel of Object.values(this.#panels)) panel.render();
    this.#renderNotices();
  }

  #renderNotices() {
    const again = () => this.ask();
    const shown = [];
    const trouble = this.#error ?? this.person.trouble;
    if (trouble?.status === 401) shown.push(notices.keyForm(() => this.start()));
    else if (trouble) shown.push(notices.failure(trouble, again));
    if (this.answer && !this.#error) {
      shown.push(...this.answer.degraded.map(notices.degraded), ...this.answer.notes.map(notices.note));
      const missing = this.answer.missing_inputs;
      if (missing) shown.push(notices.note(`The rank model missed ${numbers.count(missing, "input")}.`));
    }
    replace(byId("notices"), shown);
  }

  /** The time of what happens now: that of the request, or null where events have no times. */
  #now() {
    return request.hasTimes(this.release) ? request.when(this.state, this.person) : null;
  }

  /** The feedback columns that have a value. */
  #given() {
    return Object.fromEntries(Object.entries(this.feedback).filter(([, value]) => value !== null));
  }
}

/** Whether two releases differ in what requests may say. */
function needsPanels(before, after) {
  return ["columns", "k", "max_history", "timezone", "allows_repeats"].some(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
}

function isTyping(target) {
  return target.matches("input:not([type=range], [type=checkbox]), textarea, select");
}

const page = new Page();
for (const fold of document.querySelectorAll("main details")) fold.open = matchMedia(WIDE).matches;
lists.linkRows(document.querySelector("main"));
byId("copy-curl").addEventListener("click", () => page.copyCurl());
byId("copy-link").addEventListener("click", () => page.copyLink());
byId("retry").addEventListener("click", () => page.ask());
byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash is the state's
  byId("answer").focus();
});
addEventListener("hashchange", () => page.follow());
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  event.preventDefault();
  page.focusUser();
});
page.start();
