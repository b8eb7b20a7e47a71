// What is believed, and what it is worth to go on.
import { h, percent, short, svg } from "./dom.js";

/**
 * Return bars from the left, each with its value in words.
 * @param {string} label @param {{name: string, value: number, words: string, chosen?: boolean}[]} rows
 */
export function bars(label, rows) {
  const most = Math.max(...rows.map((row) => row.value), 1e-9);
  return h(
    "ul",
    { class: "bars", "aria-label": label },
    rows.map(({ name, value, words, chosen }) =>
      h(
        "li",
        { class: chosen ? "chosen" : null },
        h("span", { class: "name" }, name),
        svg(
          "svg",
          { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
          svg("rect", { width: Math.max((100 * value) / Math.max(most, 1), 0), height: 10 }),
        ),
        h("span", { class: "value" }, words, chosen && h("span", { class: "hidden" }, ", taken")),
      ),
    ),
  );
}

/**
 * What could have been done, the likeliest first, and what was.
 * @param {import("./schema.js").Episode} episode @param {number} step
 * @param {string[]} names @param {"probability" | "advantage"} kind
 */
export function alternatives(episode, step, names, kind) {
  const row = episode.alternatives?.[step];
  if (!row) return null;
  const taken = episode.actions[step];
  const best = Math.max(...row);
  const rows = row
    .map((share, i) => ({
      name: names[i] ?? String(i),
      value: kind === "probability" ? share : Math.exp(share - best),
      words: kind === "probability" ? percent(share) : short(share),
      chosen: names[i] === taken,
    }))
    .filter((each) => each.chosen || (kind === "probability" ? each.value >= 0.005 : each.value > 0))
    .sort((a, b) => b.value - a.value)
    .slice(0, 6);
  const what = kind === "probability" ? "Probability of the next action" : "Worth of the next action";
  return h("section", {}, h("h4", {}, what), bars(what, rows));
}

/**
 * The information that each step gained, adding up; or how far the belief moved.
 * @param {import("./schema.js").Beliefs} beliefs @param {number} step
 */
export function gains(beliefs, step) {
  const known = beliefs.gained !== null;
  const each = known ? /** @type {number[]} */ (beliefs.gained) : beliefs.moved;
  const whole = known ? 1 : each.reduce((sum, value) => sum + value, 0) || 1;
  let [at, reached] = [0, 0];
  const pieces = each.slice(0, step).map((value, i) => {
    const from = at;
    at += value / whole;
    reached = Math.max(reached, at);
    const [left, right] = [Math.max(Math.min(from, at), 0), Math.min(Math.max(from, at), 1)];
    const kind = `${value < 0 ? "lost" : "gain"} ${i === step - 1 ? "now" : ""}`;
    return svg("rect", { class: kind, x: 100 * left, width: Math.max(100 * (right - left) - 0.3, 0), height: 10 });
  });
  const total = each.slice(0, step).reduce((sum, value) => sum + value, 0);
  const title = known ? "Information gained" : "How far the belief moved";
  const now = step ? (known ? percent(each[step - 1]) : short(each[step - 1])) : "–";
  const sum = known ? percent(total) : short(total);
  const error = beliefs.errors ? `; error to the true z: ${short(beliefs.errors[step])}` : "";
  return h(
    "section",
    {},
    h("h4", {}, title),
    svg(
      "svg",
      { class: "gains", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "ground", width: 100, height: 10 }),
      pieces,
    ),
    h("p", {}, `this step: ${now}; in all: ${sum}${error}`),
    !known && h("p", { class: "aside" }, "An unseen problem has no true z to be near to."),
  );
}

/**
 * The value of going on at each decision, up to now.
 * @param {import("./schema.js").Beliefs} beliefs @param {number} step
 */
export function worth(beliefs, step) {
  const { worth } = beliefs;
  if (worth === null) return null;
  const [low, high] = [Math.min(...worth, 0), Math.max(...worth, 0.01)];
  const X = (/** @type {number} */ i) => 2 + (96 * i) / Math.max(worth.length - 1, 1);
  const Y = (/** @type {number} */ y) => 28 - (26 * (y - low)) / (high - low);
  const shown = worth.slice(0, step + 1).map((y, i) => `${X(i)} ${Y(y)}`);
  const now = worth[Math.min(step, worth.length - 1)];
  const stops = step === worth.length - 1 && now <= 0;
  return h(
    "section",
    {},
    h("h4", {}, "Value of going on"),
    svg(
      "svg",
      { class: "worth", viewBox: "0 0 100 30", "aria-hidden": "true" },
      svg("line", { class: "zero", x1: 0, x2: 100, y1: Y(0), y2: Y(0) }),
      svg("path", { d: `M${shown.join("L")}` }),
      svg("circle", { cx: X(Math.min(step, worth.length - 1)), cy: Y(now), r: 1.6 }),
    ),
    h("p", {}, `${short(now)}${stops ? ": not above 0, so the exploration stops here" : ""}`),
  );
}

/**
 * The likeliest of the known problems.
 * @param {import("./schema.js").Trial} trial @param {import("./schema.js").Known | null} known
 * @param {number} step
 */
export function likely(trial, known, step) {
  const row = trial.beliefs.shares?.[step];
  if (!row || !known) return null;
  const rows = row
    .map((share, i) => ({
      name: `problem ${known.ids[i]}${known.ids[i] === trial.problem ? " (true)" : ""}`,
      value: share,
      words: percent(share),
    }))
    .sort((a, b) => b.value - a.value);
  const rest = rows.slice(5).reduce((sum, each) => sum + each.value, 0);
  const shown = rows.slice(0, 5);
  if (rest > 0.005) shown.push({ name: "others", value: rest, words: percent(rest) });
  const title = "Which known problem it is";
  return h("section", {}, h("h4", {}, title), bars(title, shown));
}

/**
 * The belief's way among the encodings of known problems.
 * @param {import("./schema.js").Trial} trial @param {import("./schema.js").Known | null} known
 * @param {number} step
 */
export function encodings(trial, known, step) {
  const way = trial.beliefs.points;
  if (!way || !known) return null;
  const all = [...known.points, ...way];
  const [xs, ys] = [all.map((p) => p[0]), all.map((p) => p[1])];
  const [left, top] = [Math.min(...xs), Math.max(...ys)];
  const span = Math.max(Math.max(...xs) - left, top - Math.min(...ys), 1e-6);
  const at = (/** @type {import("./schema.js").Point} */ [x, y]) =>
    [4 + (92 * (x - left)) / span, 4 + (92 * (top - y)) / span].map((v) => +v.toFixed(2));
  const dots = known.points.map((point, i) => {
    const [cx, cy] = at(point);
    const share = trial.beliefs.shares?.[step]?.[i] ?? 0;
    const kind = known.ids[i] === trial.problem ? "known true" : "known";
    return svg("circle", { class: kind, cx, cy, r: 1.2 + 3 * share });
  });
  const [cx, cy] = at(way[step]);
  const height = 8 + (92 * (top - Math.min(...ys))) / span;
  const shown = percent(known.variance[0] + known.variance[1]);
  return h(
    "section",
    {},
    h("h4", {}, "The belief among the encodings"),
    svg(
      "svg",
      {
        class: "encodings",
        viewBox: `0 0 100 ${Math.max(height, 30).toFixed(1)}`,
        role: "img",
        "aria-label": "Encodings of known problems, and the way of the belief among them",
      },
      dots,
      svg("path", { d: `M${way.slice(0, step + 1).map((p) => at(p).join(" ")).join("L")}` }),
      svg("circle", { class: "belief", cx, cy, r: 2.2 }),
    ),
    h("p", { class: "aside" }, `two principal components, ${shown} of the variance; dots are known problems, larger the likelier`),
  );
}
