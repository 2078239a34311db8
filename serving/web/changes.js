/** How a list differs from the one before it. */

import { count } from "./numbers.js";

/** The place of each item, from 0. */
export function places(items) {
  return new Map(items.map((item, n) => [item.item_id, n]));
}

/** In words; null without a list before. */
export function describe(items, previous) {
  if (!previous) return null;
  const added = items.filter((item) => !previous.has(item.item_id)).length;
  const moved = items.filter((item, n) => (previous.get(item.item_id) ?? n) !== n).length;
  const kept = items.length - added - moved;
  if (kept === items.length && kept === previous.size) return "The list is the same as before.";
  return `Against the list before: ${added} new, ${moved} at another place, ${count(kept, "item")} unmoved.`;
}
