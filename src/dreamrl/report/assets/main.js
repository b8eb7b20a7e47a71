// The page: reads the data beside it, and draws them.
import { h } from "./dom.js";
import { differencesView, runView } from "./run.js";
import { trialView } from "./trial.js";

function main() {
  const data = document.getElementById("data")?.textContent ?? "";
  /** @type {import("./schema.js").Report} */
  const report = JSON.parse(data);
  const names = report.groups.map((group) => group.name).join(", ");
  document.title = `${names} – dreamrl report`;
  document.getElementById("report")?.append(
    h("h1", {}, "What the agents learned, and how they find out"),
    ...report.groups.map(runView),
    ...[differencesView(report)].filter((view) => view !== null),
    trialView(report),
    h("footer", {}, `Made by dreamrl ${report.version}, ${report.made}.`),
  );
}

main();
