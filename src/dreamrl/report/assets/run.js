// One run: how it went, what its metrics warn of, its curves, its settings.
import { lineChart } from "./chart.js";
import { h, table } from "./dom.js";

/** @param {import("./schema.js").Group} group @param {number} number */
export function runView(group, number) {
  const heading = `run-${number}`;
  if (group.message !== null) {
    return h(
      "section",
      { class: "card run", "aria-labelledby": heading },
      h("h2", { id: heading }, group.name),
      h("p", { class: "alarm" }, h("strong", {}, "This run cannot be read. "), group.message),
    );
  }
  const facts = [["state", group.state], ["trained", group.progress], ...group.result];
  const silent = group.seeds.filter((seed) => seed.message !== null);
  return h(
    "section",
    { class: "card run", "aria-labelledby": `${heading} ${heading}-path` },
    h("h2", { id: heading }, `${group.agent} on ${group.family}`),
    h("p", { class: "path", id: `${heading}-path` }, group.name),
    h("dl", {}, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    h("ul", { class: "alarms", "aria-label": "Alarms" }, group.alarms.map(alarmView)),
    group.alarms.every((alarm) => alarm.kind !== "alarm") && h("p", {}, "No alarms."),
    silent.map((seed) => h("p", { class: "alarm" }, `Seed ${seed.seed}: ${seed.message}`)),
    h("div", { class: "charts" }, group.charts.map((chart) => lineChart(chart, group.limits))),
    group.charts.length === 0 && h("p", {}, "Nothing has been measured yet: there are no curves."),
    h(
      "details",
      {},
      h("summary", {}, "Settings and versions"),
      h("div", { class: "columns" }, [
        table("Settings", ["setting", "value"], Object.entries(group.settings)),
        table("Versions", ["package", "version"], [
          ...Object.entries(group.versions),
          ["started", group.started],
        ]),
      ]),
    ),
  );
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

/** @param {import("./schema.js").Report} report */
export function differencesView(report) {
  if (report.groups.length < 2) return null;
  const rows = report.differences.map(({ setting, values }) => [
    setting,
    ...values.map((value) => value ?? "–"),
  ]);
  return h(
    "section",
    { class: "card", "aria-labelledby": "differences" },
    h("h2", { id: "differences" }, "What the runs do not have in common"),
    rows.length
      ? table("Settings that differ", ["setting", ...report.groups.map((g) => g.name)], rows)
      : h("p", {}, "They have the same settings."),
  );
}
