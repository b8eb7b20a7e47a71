// A grid: a problem's lines and marks, the way that was taken, and what is believed of them.
import { svg } from "./dom.js";

const FAINTEST = 0.04;

/**
 * How sure each line and mark of a board is, given how likely problems are.
 * @param {import("./schema.js").Board} board @param {Record<string, number>} shares
 */
export function blend(board, shares) {
  const lines = board.lines.map(() => 0);
  const marks = board.marks.map(() => 0);
  for (const [id, share] of Object.entries(shares)) {
    const [hasLines, hasMarks] = board.problems[id] ?? [[], []];
    for (const i of hasLines) lines[i] += share;
    for (const i of hasMarks) marks[i] += share;
  }
  // Marks in one place exclude each other: the likeliest is shown.
  const best = new Map();
  board.marks.forEach(([x, y], i) => {
    const key = `${x},${y}`;
    if (marks[i] > (best.has(key) ? marks[best.get(key)] : 0)) best.set(key, i);
  });
  const kept = new Set(best.values());
  return { lines, marks: marks.map((share, i) => (kept.has(i) ? share : 0)) };
}

/**
 * Return a drawing of a board.
 * @param {import("./schema.js").Board} board @param {Record<string, number>} shares
 * @param {string} label @param {import("./schema.js").Point[]} [way]
 * @param {import("./schema.js").Point | null} [goal]
 */
export function boardView(board, shares, label, way = [], goal = null) {
  const { size } = board;
  const up = (/** @type {number} */ y) => size - 1 - y;
  const sure = blend(board, shares);
  const edges = Array.from({ length: size + 1 }, (_, i) => i - 0.5);
  const parts = [
    svg("rect", { class: "ground", x: -0.5, y: -0.5, width: size, height: size }),
    edges.map((e) => svg("path", { class: "grid", d: `M-.5 ${e}h${size}M${e} -.5v${size}` })),
    board.marks.map(([x, y, text, color], i) => {
      if (sure.marks[i] <= FAINTEST) return null;
      const box = { x: x - 0.42, y: up(y) - 0.42, width: 0.84, height: 0.84 };
      return svg(
        "g",
        { opacity: sure.marks[i].toFixed(2) },
        svg("rect", { ...box, fill: color }),
        text && svg("text", { class: "mark", x, y: up(y) + 0.12, "text-anchor": "middle" }, text),
      );
    }),
    board.lines.map(([x0, y0, x1, y1, color], i) => {
      if (sure.lines[i] <= FAINTEST) return null;
      const look = { stroke: color, "stroke-width": 0.05 + 0.08 * Math.min(sure.lines[i], 1) };
      return svg(
        "g",
        { opacity: Math.min(sure.lines[i], 1).toFixed(2) },
        svg("line", { x1: x0, y1: up(y0), x2: x1, y2: up(y1), ...look }),
        [[x0, y0], [x1, y1]].map(([x, y]) => svg("circle", { cx: x, cy: up(y), r: 0.17, fill: color })),
      );
    }),
    goal && svg("path", { class: "goal", d: star(goal[0], up(goal[1])) }),
    way.slice(1).map((there, i) => leg(way[i], there, up)),
  ];
  if (way.length) {
    const [x, y] = way[way.length - 1];
    parts.push(svg("circle", { class: "agent", cx: x, cy: up(y), r: 0.22 }));
  }
  const box = `-0.6 -0.6 ${size + 0.2} ${size + 0.2}`;
  return svg("svg", { class: "board", viewBox: box, role: "img", "aria-label": label }, parts.flat(2));
}

/**
 * One step of the way; a leap, as a ride is, is a dashed arc.
 * @param {import("./schema.js").Point} from @param {import("./schema.js").Point} to
 * @param {(y: number) => number} up
 */
function leg([x0, y0], [x1, y1], up) {
  const distance = Math.abs(x1 - x0) + Math.abs(y1 - y0);
  if (distance === 0) return null;
  if (distance <= 1.001) return svg("path", { class: "way", d: `M${x0} ${up(y0)}L${x1} ${up(y1)}` });
  const [mx, my] = [(x0 + x1) / 2 + 0.12 * (y1 - y0), (up(y0) + up(y1)) / 2 + 0.12 * (x1 - x0)];
  return svg("path", { class: "way leap", d: `M${x0} ${up(y0)}Q${mx} ${my} ${x1} ${up(y1)}` });
}

/** @param {number} x @param {number} y */
function star(x, y) {
  const corners = Array.from({ length: 10 }, (_, i) => {
    const [angle, radius] = [(Math.PI * i) / 5, i % 2 ? 0.17 : 0.42];
    return `${(x + radius * Math.sin(angle)).toFixed(3)} ${(y - radius * Math.cos(angle)).toFixed(3)}`;
  });
  return `M${corners.join("L")}Z`;
}
