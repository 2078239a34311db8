/** The titles of items, learnt from answers or asked for. */

import * as api from "./api.js";

export class Titles {
  #known = new Map();
  #asked = new Set();
  #changed;

  /** `changed()` is called when titles that were asked for are there. */
  constructor(changed) {
    this.#changed = changed;
  }

  /** Of an item; its id where there is none. */
  of(id) {
    return this.#known.get(id) || id;
  }

  learn(items) {
    for (const { item_id, title } of items) if (title) this.#known.set(item_id, title);
  }

  /** Asks for those that are not known; an item without a title is asked for once. */
  async load(ids) {
    const missing = [...new Set(ids)].filter((id) => !this.#known.has(id) && !this.#asked.has(id));
    if (!missing.length) return;
    for (const id of missing) this.#asked.add(id);
    const found = await Promise.allSettled(missing.map((id) => api.item(id)));
    this.learn(found.filter(({ status }) => status === "fulfilled").map(({ value }) => value));
    this.#changed();
  }
}
