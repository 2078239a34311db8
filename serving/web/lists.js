/** Recall's list and the recommended one, side by side. */

import * as clock from "./clock.js";
import { el, facts, hidden, replace, text, words } from "./dom.js";
import * as explain from "./explain.js";
import * as numbers from "./numbers.js";

/** How far the rank model moved an item: an arrow and a distance, in words for screen readers. */
function move(item) {
  if (!item.recall || !item.rank) return el("span", { class: "move" }, "–", hidden("not ranked again"));
  const up = item.recall.rank - item.rank.rank;
  if (up === 0) return el("span", { class: "move" }, "=", hidden(" stays"));
  return el("span", { class: up > 0 ? "move up" : "move down" },
    el("span", { "aria-hidden": "true" }, `${up > 0 ? "▲" : "▼"}\u2009${Math.abs(up)}`),
    hidden(`${up > 0 ? "up" : "down"} ${Math.abs(up)}`));
}

/** How often the history has the item; nothing for one that it does not have. */
function again({ times_before: times }) {
  return times ? [" ", el("span", { class: "tag" }, `again, ${numbers.count(times, "time")}`)] : null;
}

/** The names of a list's columns; rows say them to screen readers themselves. */
function header(kind, names) {
  return el("div", { class: `items header ${kind} muted`, "aria-hidden": "true" },
    el("div", { class: "names" }, names.map((name) => el("span", {}, name))));
}

/** Recall's items in recall's order. `page.open(id)` shows one in the other list. */
export function recallPanel(root, page) {
  const count = document.getElementById("recall-count");

  function row(item, shown) {
    const { rank, score } = item.recall;
    const title = text(item.title || item.item_id, { class: "title" });
    const place = item.rank ? `→ ${item.rank.rank}` : "";
    return el("li", { "data-item": item.item_id }, el("span", { class: "place" }, rank),
      shown ? el("button", { type: "button", class: "plain", "data-key": `recalled:${item.item_id}`,
        title: "Show it in the recommended list", onclick: () => page.open(item.item_id) }, title, again(item))
        : el("span", { class: "plain" }, title, again(item)),
      el("span", { class: "number score" }, hidden("score "), numbers.score(score)),
      el("span", { class: "number to" }, item.rank && hidden("final rank "), place), move(item));
  }

  return {
    render() {
      const candidates = page.answer?.candidates ?? [];
      const shown = new Set(page.answer?.items.map((item) => item.item_id));
      count.textContent = page.answer ? numbers.count(candidates.length, "candidate") : "";
      const ordered = candidates.filter((item) => item.recall).sort((a, b) => a.recall.rank - b.recall.rank);
      replace(root, ordered.length ? [
        header("recall", ["#", "item", "score", "final", "moved"]),
        el("ol", { class: "items recall" }, ordered.map((item) => row(item, shown.has(item.item_id))))]
        : el("p", { class: "muted none" }, page.answer ? "Recall gave no answer." : "Nothing yet."));
    },
  };
}

/** What the history and each stage say of an item; `at` are the request's Unix seconds. */
function stages({ item_id, source, score, times_before: times, last_before: last, recall, rank }, at) {
  const found = [["item", text(item_id)], ["source", source]];
  if (times) {
    const when = last === null ? "" : `, the last ${clock.earlier(last, at)}`;
    found.push(["in the history", numbers.count(times, "time") + when]);
  }
  if (recall) found.push(["recall", `rank ${recall.rank}, score ${numbers.score(recall.score)}`]);
  if (rank) {
    found.push(["rank", `rank ${rank.rank}, score ${numbers.score(rank.score)}`],
      ["probability", numbers.percent(rank.probability)],
      ...Object.entries(rank.probabilities).map(([name, p]) => [words(name), numbers.percent(p)]));
  }
  if (source === "popularity") found.push(["popularity", numbers.whole(score)]);
  return found;
}

/** The list that a client gets, with what an item's place is made of. */
export function answerPanel(root, page) {
  const count = document.getElementById("answer-count");
  const opened = new Set();
  let first = true;

  function toggle(id) {
    if (!opened.delete(id)) opened.add(id);
    render();
  }

  function action(kind, label, item, run, reason = null) {
    return el("button", { type: "button", "data-key": `${kind}:${item.item_id}`, disabled: reason !== null,
      title: reason, onclick: run }, label, hidden(`: ${item.title || item.item_id}`));
  }

  function details(item, largest, id) {
    const anonymous = page.state.user === null ? "Choose a user first: events belong to one" : null;
    return el("div", { class: "details", id },
      item.effects ? explain.bars(item.effects, largest)
        : el("p", { class: "muted" }, "No explanation: the rank model did not order it."),
      facts(stages(item, page.answer.timestamp)),
      el("div", { class: "row actions" },
        action("try", "Try as the last event", item, () => page.addToHistory(item.item_id)),
        action("send", "Send this as an event", item, () => page.send(item), anonymous)));
  }

  function row(item, n, largest) {
    const isOpen = opened.has(item.item_id);
    const id = `details-${n}`;
    const title = item.title || item.item_id;
    const before = page.previous?.get(item.item_id);
    return el("li", { "data-item": item.item_id, class: isOpen ? "open" : "" },
      el("span", { class: "place" }, n + 1),
      el("button", { type: "button", class: "plain", "aria-expanded": String(isOpen),
        "aria-controls": isOpen ? id : null, "data-key": `item:${item.item_id}`,
        onclick: () => toggle(item.item_id) },
      text(title, { class: "title" }), again(item),
      page.previous && before === undefined ? el("span", { class: "tag" }, "new") : null,
      item.source === "popularity" ? el("span", { class: "tag" }, "popular") : null,
      item.effects ? el("span", { class: "why muted" }, explain.summary(item.effects)) : null),
      el("span", { class: "number score" }, hidden("score "), numbers.score(item.score)),
      el("span", { class: "number chance" },
        item.rank && [hidden("probability "), numbers.percent(item.rank.probability)]),
      el("span", { class: "from" },
        item.recall && item.rank && el("span", { class: "muted" }, hidden("ranks "),
          `${item.recall.rank} → ${item.rank.rank} `), move(item)),
      el("button", { type: "button", class: "icon", "aria-label": `Deny: ${title}`, title: "Deny",
        "data-key": `deny:${item.item_id}`, onclick: () => page.deny(item) }, "⊘"),
      isOpen ? details(item, largest, id) : null);
  }

  function render() {
    const items = page.answer?.items ?? [];
    if (first && items.length) {
      opened.add(items[0].item_id); // so that one sees that there is more
      first = false;
    }
    count.textContent = page.answer ? numbers.count(items.length, "item") : "";
    const largest = explain.scale(items);
    replace(root, items.length ? [
      header("answer", ["#", "item, and what moved it", "score", "probability", "recall → rank", ""]),
      el("ol", { class: "items answer" }, items.map((item, n) => row(item, n, largest)))]
      : el("p", { class: "muted none" },
        page.answer ? "Nothing is left: everything is filtered, seen or denied." : "Nothing yet."));
  }

  return {
    render,
    /** Opens an item, and shows it. */
    open(id) {
      opened.add(id);
      render();
      const found = [...root.querySelectorAll("[data-item]")].find((node) => node.dataset.item === id);
      found?.scrollIntoView({ block: "center" });
      found?.querySelector("button").focus({ preventScroll: true });
    },
  };
}

/** Points at the same item in all lists while the pointer or the focus is on one of its rows. */
export function linkRows(root) {
  const point = (event) => {
    const id = event.target.closest?.("[data-item]")?.dataset.item;
    for (const row of root.querySelectorAll("[data-item]")) {
      row.classList.toggle("pointed", row.dataset.item === id);
    }
  };
  root.addEventListener("pointerover", point);
  root.addEventListener("focusin", point);
  root.addEventListener("pointerleave", () => point({ target: root }));
}
