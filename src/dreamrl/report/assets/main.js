// The page: reads the data beside it, and draws them.
import { h } from "./dom.js";
import { differencesView, runView } from "./run.js";
import { trialView } from "./trial.js";

function main() {
  const data = document.getElementById("data")?.textContent ?? "";
  /** @type {import("./schema.js").Report} */
  const report = JSON.parse(data);
  const trials = trialView(false);
  trials.offer(players(report));
  const names = report.groups.map((group) => group.name).join(", ");
  document.title = `${names} – dreamrl report`;
  document.getElementById("report")?.append(
    h("h1", {}, "What the agents learned, and how they find out"),
    ...report.groups.map(runView),
    ...[differencesView(report)].filter((view) => view !== null),
    trials.node,
    h("footer", {}, `Made by dreamrl ${report.version}, ${report.made}.`),
  );
}

/**
 * Those who have played already: what is asked for is in the report.
 * @param {import("./schema.js").Report} report
 * @returns {import("./trial.js").Player[]}
 */
function players(report) {
  const able = report.groups.flatMap((group) =>
    group.seeds.filter((seed) => seed.trials.length > 0).map((seed) => ({ group, seed })),
  );
  return able.map(({ group, seed }, i) => ({
    id: String(i),
    name: `${group.agent} on ${group.family}, seed ${seed.seed} (${group.name})`,
    family: group.family,
    problems: seed.trials.map(({ problem, kind }) => ({ id: problem, kind })),
    play: async ({ problem }) => {
      const trials = seed.trials.filter((trial) => String(trial.problem) === problem);
      return { seed: { ...seed, trials }, view: report.families[group.family], goals: [] };
    },
  }));
}

main();
