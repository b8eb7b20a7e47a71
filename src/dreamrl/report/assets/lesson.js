// The lesson: six scenes, each of which answers the question that is its title.
import { bars, gains } from "./belief.js";
import { lineChart } from "./chart.js";
import { h, percent, short, svg, table } from "./dom.js";
import { measure, start, update } from "./trap.js";
import { trialView } from "./trial.js";

/**
 * What tools/lesson.py puts together.
 * @typedef {{agent: string, mean: number, low: number, high: number, seeds: number}} Cell
 * @typedef {{family: string, optimal: number | null, blind: number | null, cells: Cell[]}} Result
 * @typedef {{weight: number, bits: number[], ridden: number[], returned: number, steps: number}} Squeezed
 * @typedef {{
 *   trial: import("./trial.js").Played, cost: number,
 *   gradients: {losses: string[], parts: string[], sizes: number[][]},
 *   bottleneck: {facts: string[], entropy: number[], runs: Squeezed[]}, results: Result[],
 * }} Lesson
 */

/**
 * @param {number} number @param {string} question @param {string[]} text @param {...Node} content
 */
function scene(number, question, text, ...content) {
  const heading = h("h2", { id: `scene-${number}` }, `${number}. ${question}`);
  return h("section", { class: "card", "aria-labelledby": heading.id }, heading, text.map((p) => h("p", {}, p)), content);
}

/** @param {string} label @param {import("./dom.js").Attributes} attributes */
function dial(label, attributes) {
  const input = h("input", attributes);
  return { input, label: h("label", {}, h("span", {}, label), input) };
}

/** @param {Lesson} lesson */
function trial({ trial }) {
  const view = trialView(false);
  const problems = trial.seed.trials.map(({ problem, kind }) => ({ id: problem, kind }));
  /** @type {import("./trial.js").Player["play"]} */
  const play = async ({ problem }) => {
    const trials = trial.seed.trials.filter((each) => String(each.problem) === problem);
    return { ...trial, seed: { ...trial.seed, trials } };
  };
  view.offer([{ id: "dream", name: "DREAM in the kitchen", family: "cooking", problems, play }]);
  return scene(1, "How does an agent find out what problem it is in?", [
    "Three drawers hold an ingredient each; which ones they hold differs from problem to problem. First comes an episode in which nothing is paid, to look around. Then a recipe is told, two ingredients by their numbers, to fetch and to put into the bowl in order, and now mistakes cost.",
    "The agent has learned what to look at, and to stop once it knows enough. Choose a problem and step through it: below is what it believes at each moment. Then let it act on the belief of another problem.",
  ], view.node);
}

const [CYCLE, TICK] = [4000, 40];

function trap() {
  /** @type {Record<"coupled" | "decoupled", {learner: import("./trap.js").Learner, past: number[][]}>} */
  let now;
  let timer = 0;
  const actions = dial("Actions, and as many problems", { type: "number", min: 2, max: 32, value: 8, change: again });
  const quality = dial("At first, exploitation uses rightly what it sees with a probability of", { type: "number", min: 0.01, max: 0.99, step: 0.01, value: 0.03, change: again });
  const seed = dial("Random seed", { type: "number", min: 0, max: 9999, value: 0, change: again });
  const run = h("button", { type: "button", click: toggle }, "Run the cycle");
  const one = h("button", { type: "button", click: () => advance(1) }, "One update");
  const reset = h("button", { type: "button", click: again }, "From the start");
  const stage = h("div", { class: "stage" });
  const place = h("div");
  const status = h("p", { role: "status", class: "status" });

  function again() {
    stop();
    const number = (/** @type {HTMLInputElement} */ { value, min, max }) => Math.min(Math.max(Number(value), Number(min)), Number(max));
    const learner = start(Math.round(number(actions.input)), number(quality.input), number(seed.input));
    now = { coupled: { learner, past: [] }, decoupled: { learner, past: [] } };
    advance(0);
  }
  /** @param {number} updates */
  function advance(updates) {
    for (const kind of /** @type {const} */ (["coupled", "decoupled"])) {
      const each = now[kind];
      if (!updates) each.past.push([0, measure(each.learner).returned]);
      for (let i = 0; i < updates; i++) each.learner = update(each.learner, 1, kind === "coupled");
      if (updates) each.past.push([each.past[each.past.length - 1][0] + updates, measure(each.learner).returned]);
    }
    draw();
    if (now.coupled.past[now.coupled.past.length - 1][0] >= CYCLE) stop();
  }
  function draw() {
    const n = now.coupled.learner.explore.length;
    const done = now.coupled.past[now.coupled.past.length - 1][0];
    status.textContent = `after ${done} updates, of ${n} actions: whoever knows nothing returns ${short(1 / n)}, whoever looks and uses it 1`;
    stage.replaceChildren(...(/** @type {const} */ (["coupled", "decoupled"])).map((kind) => {
      const { looks, right, returned } = measure(now[kind].learner);
      const rows = [
        { name: "exploration looks", value: looks, words: percent(looks) },
        { name: "exploitation is right, if it was shown", value: right, words: percent(right) },
        { name: "return of a trial", value: returned, words: short(returned) },
      ];
      const says = kind === "coupled"
        ? `Looking pays ${short(right)}, not looking ${short(1 / n)}: ${right < 1 / n ? "exploration learns not to look" : "exploration learns to look"}. Exploitation sees something in ${percent(looks)} of trials, and learns that much slower.`
        : "Looking tells all there is to know, whatever exploitation makes of it. Exploitation is told the problem in each trial, whatever exploration does.";
      return h("article", {}, h("h3", {}, kind === "coupled" ? "Coupled: both are paid the return" : "Decoupled, as DREAM"), bars(kind, rows), h("p", { class: "aside" }, says));
    }));
    const series = (/** @type {const} */ (["decoupled", "coupled"])).map((kind) => {
      const [x, y] = [0, 1].map((i) => now[kind].past.map((point) => point[i]));
      return { label: kind, band: null, lines: [{ seed: 0, x, y }] };
    });
    place.replaceChildren(lineChart({ title: "return of a trial", high: 1, limits: true, series }, [{ label: "knowing nothing", value: 1 / n }], "updates"));
  }
  function toggle() {
    if (timer) return stop();
    if (now.coupled.past[now.coupled.past.length - 1][0] >= CYCLE) again();
    timer = setInterval(() => advance(TICK), 50);
    run.textContent = "Pause";
  }
  function stop() {
    clearInterval(timer);
    timer = 0;
    run.textContent = "Run the cycle";
  }
  again();
  return scene(2, "Why is it hard to learn to explore?", [
    "The smallest problem of the kind: one action shows which problem it is, the others show nothing; then the action that has the problem's number pays. An agent that is paid for the whole trial is trapped if it is bad at using what it sees: then looking does not pay, so it looks less, so it learns to use it more slowly still.",
    "Both learners below begin with the same numbers, and each update follows the exact gradient of its own objective, computed here. Begin with a quality above chance, and there is no trap.",
  ], h("div", { class: "choices" }, [actions, quality, seed].map(({ label }) => label)), h("div", { class: "controls" }, run, one, reset), status, stage, place);
}

/** @type {Record<string, [number, number, string, string]>} */
const BOXES = {
  encoder: [18, 12, "encoder", "problem ID → z"],
  exploitation: [72, 12, "exploitation", "goal and z → actions"],
  exploration: [18, 44, "exploration", "looks around, stops"],
  decoder: [72, 44, "decoder", "what was seen → z"],
};
/** What flows, whether a gradient goes back along it, when; its way, and where its name stands. */
const FLOWS = [
  { words: "z", back: true, test: false, d: "M35 12H54", x: 44.5, y: 10.5 },
  { words: "what was seen", back: false, test: true, d: "M35 42H54", x: 44.5, y: 40.5 },
  { words: "z, as believed", back: false, test: true, d: "M72 38V19", x: 73.5, y: 29 },
  { words: "target", back: false, test: false, d: "M28 18L57 38", x: 44, y: 27 },
  { words: "reward", back: false, test: false, d: "M55 47H36", x: 44.5, y: 49.8 },
];

/** @param {Lesson} lesson */
function components({ gradients }) {
  const place = h("div");
  const choice = h("select", { change: draw }, h("option", { value: "training" }, "training: the problem is known"), h("option", { value: "test" }, "meta-test: it is not"));
  function draw() {
    const kind = choice.value;
    const flows = FLOWS.filter(({ test }) => test || kind === "training");
    const boxes = Object.entries(BOXES).filter(([name]) => kind === "training" || name !== "encoder");
    const lines = flows.map(({ words, back, d, x, y }) => [
      svg("path", { class: back ? "flow" : "flow stopped", d, "marker-end": "url(#tip)" }),
      svg("text", { class: "small", x, y, "text-anchor": y < 38 && y > 15 ? "start" : "middle" }, words),
    ]);
    const drawn = boxes.map(([, [x, y, name, does]]) => [
      svg("rect", { class: "part", x: x - 17, y: y - 6, width: 34, height: 12, rx: 2 }),
      svg("text", { class: "name", x, y: y - 0.5, "text-anchor": "middle" }, name),
      svg("text", { class: "small", x, y: y + 3.6, "text-anchor": "middle" }, does),
    ]);
    const tip = svg("marker", { id: "tip", viewBox: "0 0 6 6", refX: 5, refY: 3, markerWidth: 5, markerHeight: 5, orient: "auto" }, svg("path", { d: "M0 0L6 3L0 6Z" }));
    place.replaceChildren(svg("svg", { class: "components", viewBox: "0 4 96 48", role: "img", "aria-label": `The components in ${choice.selectedOptions[0].text}` }, svg("defs", {}, tip), lines.flat(), drawn.flat()));
  }
  draw();
  const rows = gradients.losses.map((loss, i) => [loss, ...gradients.sizes[i].map(short)]);
  return scene(3, "What are the parts, and what teaches which?", [
    "Two halves learn side by side. With the problem known, the encoder puts into z what exploitation needs, and as little else as it can. Without it, exploration looks around and the decoder reads z off what was seen. At meta-test the encoder, which alone knows problems, is left out.",
    "They do not pull at each other: dashed lines carry numbers, but no gradient. The table has the size of each loss's gradient in each part, measured in an agent in training: where it is 0, nothing is learned.",
  ], h("label", {}, h("span", {}, "During "), choice), place, table("Size of gradients", ["loss", ...gradients.parts], rows));
}

/** @param {Lesson} lesson */
function reward({ trial, cost }) {
  const [shown] = trial.seed.trials.filter(({ kind }) => kind === "training");
  const { beliefs, explored } = shown;
  const errors = beliefs.errors ?? [];
  const slider = dial("Step", { type: "range", min: 0, max: explored.actions.length, value: explored.actions.length, input: draw });
  const place = h("div");
  function draw() {
    const step = Number(slider.input.value);
    const rows = explored.actions.slice(0, step).map((action, i) => {
      const gain = (errors[i] - errors[i + 1]) / errors[0];
      return [String(i + 1), action, short(errors[i]), short(errors[i + 1]), short(gain), short(gain - cost)];
    });
    const [first, last] = [errors[0], errors[step]];
    const sum = rows.reduce((all, _, i) => all + (errors[i] - errors[i + 1]) / first, 0);
    const says = `Gains add up to ${short(sum)}: (${short(first)} − ${short(last)}) / ${short(first)} = ${short((first - last) / first)}. What lies between does not count.`;
    place.replaceChildren(gains(beliefs, step), table("Rewards", ["step", "action", "error before", "error after", "gain", `reward: gain − ${short(cost)}`], rows, step - 1), h("p", {}, says));
  }
  draw();
  return scene(4, "What is exploration paid for?", [
    "For each step, by how much the decoder's belief came nearer to the true z, as a share of all there is to know (in training, of an average problem), less a small cost. So an agent is paid at the very step that shows something, whether or not anybody can use it yet.",
    `This is the exploration of problem ${shown.problem} from the first scene. Whatever way it takes, its gains add up to the error before less the error after: there is nothing to be had from knowing and forgetting again.`,
  ], slider.label, place);
}

/** @param {Lesson} lesson */
function bottleneck({ bottleneck: { facts, entropy, runs } }) {
  const slider = dial("λ", { type: "range", min: 0, max: runs.length - 1, value: 0, input: draw });
  const status = h("p", { role: "status", class: "status" });
  const stage = h("div", { class: "stage" });
  function draw() {
    const { weight, bits, ridden, returned, steps } = runs[Number(slider.input.value)];
    slider.input.setAttribute("aria-valuetext", `λ is ${weight}`);
    status.textContent = `λ = ${weight}: return ${short(returned)}, after ${short(steps)} steps of exploration`;
    const known = facts.map((name, i) => ({ name, value: bits[i] / entropy[i], words: bits[i].toFixed(2) }));
    const seen = facts.map((name, i) => ({ name, value: ridden[i], words: percent(ridden[i]) }));
    stage.replaceChildren(
      h("article", {}, h("h3", {}, "Bits of where each line leads, in z"), bars("Bits", known)),
      h("article", {}, h("h3", {}, "Explorations that ride it"), bars("Rides", seen)),
    );
  }
  draw();
  return scene(5, "How does the agent know what is worth knowing?", [
    "On distracting-bus four coloured lines lead to where goals are, four gray ones lead nowhere useful. Return alone does not keep the gray ones out of z, where exploration would be paid for them. So z has a price, λ: what does not help exploitation is the first to go.",
    "One agent was trained at each λ, briefly. Bits are the mutual information between z and where a line leads, over the training problems; rides are counted in one exploration of each. The gray lines are the first that z lets go of. At a higher price it lets go of the coloured ones, too, and nobody looks for what z does not hold: so DREAM raises λ only while the return stays at its best. Exploration leaves the gray lines alone here even without a price.",
  ], slider.label, status, stage);
}

/** @param {Lesson} lesson */
function results({ results }) {
  const choice = h("select", { change: draw }, results.map(({ family }, i) => h("option", { value: i }, family)));
  const place = h("div");
  function draw() {
    const { family, optimal, blind, cells } = results[Number(choice.value)];
    const ends = cells.flatMap(({ low, high }) => [low, high]);
    const [least, most] = [Math.min(0, ...ends, blind ?? 0), Math.max(...ends, optimal ?? 0)];
    const X = (/** @type {number} */ value) => (100 * (value - least)) / (most - least);
    const exact = [optimal, blind].map((value) => value !== null && svg("line", { class: "exact", x1: X(value), x2: X(value), y1: 0, y2: 10 }));
    const rows = cells.map(({ agent, mean, low, high, seeds }) => {
      const bar = svg("rect", { class: agent.split(",")[0] === "dream" ? "own" : "", x: X(Math.min(mean, 0)), width: Math.abs(X(mean) - X(0)), y: 1, height: 8 });
      const interval = svg("line", { class: "interval", x1: X(low), x2: X(high), y1: 5, y2: 5 });
      const drawn = svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, bar, exact.map((line) => line && line.cloneNode()), interval);
      const words = `${short(mean)} (${short(low)} to ${short(high)}; ${seeds})`;
      return h("li", {}, h("span", { class: "name" }, agent), drawn, h("span", { class: "value" }, words));
    });
    const limits = [optimal !== null && ` with the problem known ${short(optimal)}`, blind !== null && ` without exploration ${short(blind)}`].filter(Boolean);
    place.replaceChildren(h("ul", { class: "bars results", "aria-label": `Returns on ${family}` }, rows), h("p", { class: "aside" }, limits.length ? `Dashed: what can be reached,${limits}.` : "What can be reached is not known."));
  }
  draw();
  return scene(6, "How much does it help?", [
    "Return on problems of meta-test: the mean over seeds, and its 95 % interval; behind the semicolon the number of seeds. Of DREAM there are ablations, too, each with one part changed.",
    "All agents were trained by this library, with the budgets and settings of docs/results.md.",
  ], h("label", {}, h("span", {}, "On "), choice), place);
}

function lesson() {
  /** @type {Lesson} */
  const data = JSON.parse(document.getElementById("data")?.textContent ?? "");
  document.getElementById("report")?.append(
    h("h1", {}, "DREAM in five minutes: find out first, then act"),
    trial(data),
    trap(),
    components(data),
    reward(data),
    bottleneck(data),
    results(data),
    h("footer", {}, "Made by dreamrl. Every number was computed, here or in a training."),
  );
}

lesson();
