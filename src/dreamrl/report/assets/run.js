// One run: how it went, what its metrics warn of, its curves, its settings.
import { lineChart } from "./chart.js";
import { h, table } from "./dom.js";

/** @param {import("./schema.js").Group} group @param {number} number */
export function runView(group, number) {
  const card = runCard(String(number));
  card.show(group);
  return card.node;
}

/**
 * Return a card that shows a run, and can show it again; what is open in it stays open.
 * @param {string} name @param {...Node} tools
 */
export function runCard(name, ...tools) {
  const heading = `run-${name}`;
  const title = h("h2", { id: heading });
  const path = h("p", { class: "path", id: `${heading}-path` });
  const [body, held] = [h("div"), h("div", { class: "columns" })];
  const details = h("details", {}, h("summary", {}, "Settings and versions"), held);
  const node = h(
    "section",
    { class: "card run", "aria-labelledby": `${heading} ${heading}-path` },
    ...tools,
    title,
    path,
    body,
    details,
  );
  /** @param {import("./schema.js").Group} group */
  function show(group) {
    const readable = group.message === null;
    title.textContent = readable ? `${group.agent} on ${group.family}` : group.name;
    path.textContent = readable ? group.name : "";
    body.replaceChildren(...(readable ? contents(group) : [unreadable(group)]));
    details.hidden = !readable;
    const versions = [...Object.entries(group.versions), ["started", group.started]];
    held.replaceChildren(
      table("Settings", ["setting", "value"], Object.entries(group.settings)),
      table("Versions", ["package", "version"], versions),
    );
  }
  return { node, show };
}

/** @param {import("./schema.js").Group} group */
function unreadable(group) {
  return h("p", { class: "alarm" }, h("strong", {}, "This run cannot be read. "), group.message);
}

/** @param {import("./schema.js").Group} group */
function contents(group) {
  const facts = [["state", group.state], ["trained", group.progress], ...group.result];
  const silent = group.seeds.filter((seed) => seed.message !== null);
  const told = [
    h("dl", {}, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    h("ul", { class: "alarms", "aria-label": "Alarms" }, group.alarms.map(alarmView)),
    group.alarms.every((alarm) => alarm.kind !== "alarm") && h("p", {}, "No alarms."),
    ...silent.map((seed) => h("p", { class: "alarm" }, `Seed ${seed.seed}: ${seed.message}`)),
    h("div", { class: "charts" }, group.charts.map((chart) => lineChart(chart, group.limits))),
    group.charts.length === 0 && h("p", {}, "Nothing has been measured yet: there are no curves."),
  ];
  return told.filter((part) => part !== false);
}

/** @param {import("./schema.js").Alarm} alarm */
function alarmView(alarm) {
  const word = alarm.kind === "alarm" ? "Alarm" : "Note";
  const seeds = alarm.seeds.length ? `, seed ${alarm.seeds.join(", ")}` : "";
  return h(
    "li",
    { class: alarm.kind },
    h("strong", {}, `${word}${seeds}: `),
    `${alarm.what} `,
    h("span", { class: "remedy" }, `Try: ${alarm.remedy}`),
  );
}

/** @param {Pick<import("./schema.js").Report, "groups" | "differences" | "together">} report */
export function differencesView(report) {
  if (report.groups.length < 2) return null;
  const rows = report.differences.map(({ setting, values }) => [
    setting,
    ...values.map((value) => value ?? "–"),
  ]);
  return h(
    "section",
    { class: "card", "aria-labelledby": "differences" },
    h("h2", { id: "differences" }, "Several runs"),
    h("div", { class: "charts" }, report.together.map(({ chart, limits }) => lineChart(chart, limits))),
    rows.length
      ? table("Settings that differ", ["setting", ...report.groups.map((g) => g.name)], rows)
      : h("p", {}, "They have the same settings."),
  );
}
