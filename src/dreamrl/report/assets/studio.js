// The studio: runs to choose from, those that are chosen as they train, and their agents' trials.
import { h, short } from "./dom.js";
import { differencesView, runCard } from "./run.js";
import { trialView } from "./trial.js";

/**
 * What the studio answers, as dreamrl/studio/schema.py has it.
 * @typedef {{
 *   key: string, name: string, agent: string, family: string, seeds: number, state: string,
 *   progress: string, returned: number | null, message: string | null,
 * }} Row
 * @typedef {{training: number[], unseen: number[]}} Choices
 * @typedef {{key: string, group: import("./schema.js").Group, choices: Choices | null}} Seen
 */

const MOST = 100;
const HEADS = ["run", "agent", "family", "seeds", "state", "iterations", "return"];

function studio() {
  /** @type {Map<string, {card: ReturnType<typeof runCard>, seen: Seen | null}>} */
  const chosen = new Map();
  /** @type {Map<string, {line: HTMLElement, tell: (row: Row) => void, box: HTMLInputElement}>} */
  const lines = new Map();
  let rows = /** @type {Row[]} */ ([]);
  let source = /** @type {EventSource | null} */ (null);
  let offered = "";
  const status = h("p", { role: "status" }, "Looking for runs.");
  const filter = h("input", { type: "search", input: list });
  const body = h("tbody");
  const [cards, differences] = [h("div"), h("div")];
  const trials = trialView(true);

  /** Show the runs that are there; lines stay where they are as long as they may. */
  function list() {
    const wanted = filter.value.toLowerCase().split(/\s+/);
    const fits = rows.filter((row) => {
      const text = `${row.name} ${row.agent} ${row.family} ${row.state}`.toLowerCase();
      return wanted.every((word) => text.includes(word));
    });
    const now = fits.slice(0, MOST).map((row) => {
      const known = lines.get(row.key) ?? newLine(row);
      lines.set(row.key, known);
      known.tell(row);
      return known.line;
    });
    if (now.length !== body.children.length || now.some((line, i) => line !== body.children[i])) {
      body.replaceChildren(...now);
    }
    const some = now.length < fits.length ? `, of which ${now.length} are listed` : "";
    status.textContent = rows.length ? `${fits.length} of ${rows.length} runs${some}` : "There are no runs here yet.";
  }
  /** @param {Row} row */
  function newLine({ key, name }) {
    const box = h("input", { type: "checkbox", change: () => choose(key, box.checked) });
    box.checked = chosen.has(key);
    const cells = HEADS.slice(1).map(() => h("td"));
    const line = h("tr", {}, h("th", { scope: "row" }, h("label", {}, box, ` ${name}`)), cells);
    /** @param {Row} row */
    function tell(row) {
      const value = row.returned === null ? "–" : short(row.returned);
      const state = row.message === null ? row.state : `${row.state}: ${row.message}`;
      const words = [row.agent, row.family, String(row.seeds || "–"), state, row.progress, value];
      cells.forEach((cell, i) => {
        if (cell.textContent !== words[i]) cell.textContent = words[i];
      });
    }
    return { line, tell, box };
  }
  /** @param {string} key */
  function add(key) {
    const click = () => choose(key, false);
    chosen.set(key, { card: runCard(key, h("button", { type: "button", class: "close", click }, "Close")), seen: null });
  }
  /** Show a run, or show it no more. @param {string} key @param {boolean} wanted */
  function choose(key, wanted) {
    if (wanted) add(key);
    else chosen.delete(key);
    const line = lines.get(key);
    if (line) line.box.checked = wanted;
    if (!wanted) line?.box.focus();
    history.replaceState(null, "", `#${[...chosen.keys()].join(",")}`);
    begin();
  }
  function begin() {
    cards.replaceChildren(...[...chosen.values()].map(({ card }) => card.node));
    differences.replaceChildren();
    offer();
    listen();
  }
  /** Ask to be told of all changes. */
  function listen() {
    source?.close();
    source = new EventSource(`/live?${[...chosen.keys()].map((key) => `key=${key}`).join("&")}`);
    source.addEventListener("runs", ({ data }) => {
      rows = JSON.parse(data);
      list();
    });
    source.addEventListener("run", ({ data }) => {
      /** @type {Seen} */
      const seen = JSON.parse(data);
      const entry = chosen.get(seen.key);
      if (!entry) return;
      entry.seen = seen;
      entry.card.show(seen.group);
      offer();
    });
    source.addEventListener("differences", ({ data }) => {
      const groups = [...chosen.values()].flatMap(({ seen }) => seen?.group ?? []);
      differences.replaceChildren(differencesView({ groups, ...JSON.parse(data) }) ?? "");
    });
    source.addEventListener("error", () => {
      status.textContent = "The studio does not answer: is it still running? This page will try again.";
    });
  }
  /** Say who can play, where that has changed. */
  function offer() {
    const able = players([...chosen.values()].flatMap(({ seen }) => seen ?? []));
    const now = JSON.stringify(able);
    if (now !== offered) trials.offer(able);
    offered = now;
  }

  document.getElementById("report")?.append(
    h("h1", {}, "What the agents learn, and how they find out"),
    h(
      "section",
      { class: "card", "aria-labelledby": "runs" },
      h("h2", { id: "runs" }, "Runs"),
      h("label", { class: "filter" }, h("span", {}, "Only those with "), filter),
      status,
      h(
        "div",
        { class: "scroll list", tabindex: 0, role: "group", "aria-label": "Runs" },
        h("table", {}, h("thead", {}, h("tr", {}, HEADS.map((head) => h("th", { scope: "col" }, head)))), body),
      ),
    ),
    cards,
    differences,
    trials.node,
  );
  for (const key of location.hash.slice(1).split(",")) {
    if (/^[0-9a-f]{16}$/.test(key)) add(key);
  }
  begin();
}

/** @param {Seen[]} all @returns {import("./trial.js").Player[]} */
function players(all) {
  return all.flatMap(({ key, group, choices }) => {
    if (group.message !== null || choices === null) return [];
    const ids = (/** @type {"training" | "unseen"} */ kind) => choices[kind].map((id) => ({ id, kind }));
    return group.seeds
      .filter((seed) => seed.message === null)
      .map(({ seed }) => ({
        id: `${key}/${seed}`,
        name: `${group.agent} on ${group.family}, seed ${seed} (${group.name})`,
        family: group.family,
        problems: [...ids("unseen"), ...ids("training")],
        play: (asked) => ask({ key, seed: String(seed), ...asked }),
      }));
  });
}

/** Have a trial computed. @param {Record<string, string>} asked */
async function ask(asked) {
  const answer = await fetch(`/trial?${new URLSearchParams(asked)}`);
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.message);
  return told;
}

studio();
