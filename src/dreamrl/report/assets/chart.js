// Learning curves.
import { h, short, svg } from "./dom.js";

const [HEIGHT, LOOKS] = [220, 6];
const EDGE = { left: 54, right: 12, top: 12, bottom: 34 };

/** Return three to six round numbers. @param {number} low @param {number} high */
export function ticks(low, high) {
  const raw = (high - low || 1) / 4;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = unit * ([1, 2, 5, 10].find((n) => n * unit >= raw) ?? 10);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
    found.push(i * step);
  }
  return found;
}

/**
 * Return a chart of one or two metrics: a thin line a seed, their mean, its interval.
 * @param {import("./schema.js").Chart} chart @param {import("./schema.js").Limit[]} limits
 * @param {string} [unit] what is measured along the axis below
 */
export function lineChart(chart, limits, unit = "environment steps") {
  const shown = chart.limits ? limits : [];
  const place = h("div", { class: "plot" });
  const read = h("p", { class: "reading" });
  const draw = () => place.replaceChildren(plot(chart, shown, unit, place.clientWidth || 480, read));
  new ResizeObserver(draw).observe(place);
  draw();
  const keys = chart.series.map((series, i) =>
    h("li", {}, h("span", { class: `key series-${i % LOOKS}` }), last(series)),
  );
  const exact = shown.map((limit) =>
    h("li", {}, h("span", { class: "key exact" }), `${limit.label}: ${short(limit.value)}`),
  );
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", {}, h("h3", {}, chart.title), h("ul", { class: "keys" }, keys, exact)),
    place,
    read,
  );
}

/** Say where a metric ended. @param {import("./schema.js").Series} series */
function last(series) {
  const ends = series.lines.map((line) => line.y[line.y.length - 1]).sort((a, b) => a - b);
  const middle = ends.reduce((sum, value) => sum + value, 0) / ends.length;
  const spread = `${short(ends[0])} to ${short(ends[ends.length - 1])}`;
  const words = ends.length > 1 ? `${short(middle)} (${ends.length} seeds: ${spread})` : short(middle);
  return `${series.label}: ${words}`;
}

/**
 * @param {import("./schema.js").Chart} chart @param {import("./schema.js").Limit[]} limits
 * @param {string} unit @param {number} width @param {HTMLElement} read
 */
function plot(chart, limits, unit, width, read) {
  const all = chart.series.flatMap((series) => [
    ...series.lines.flatMap((line) => line.y),
    ...(series.band ? [...series.band.mean] : []),
  ]);
  const xs = chart.series.flatMap((series) => series.lines.flatMap((line) => line.x));
  const ends = [...all, ...limits.map((limit) => limit.value)];
  let [low, high] = [Math.min(...ends), Math.max(...ends)];
  if (!chart.limits) low = Math.min(low, 0);
  if (chart.high !== null) high = Math.max(high, chart.high);
  const room = (high - low || 1) * 0.05;
  [low, high] = [low - (low < 0 || chart.limits ? room : 0), high + room];
  const most = Math.max(...xs, 1);
  const right = width - EDGE.right;
  const bottom = HEIGHT - EDGE.bottom;
  const X = (/** @type {number} */ x) => EDGE.left + (x / most) * (right - EDGE.left);
  const Y = (/** @type {number} */ y) =>
    bottom - ((Math.min(Math.max(y, low), high) - low) / (high - low)) * (bottom - EDGE.top);
  const path = (/** @type {number[]} */ x, /** @type {number[]} */ y) =>
    x.map((value, i) => `${i ? "L" : "M"}${X(value).toFixed(1)} ${Y(y[i]).toFixed(1)}`).join("");

  const parts = [
    ...ticks(low, high).map((y) => [
      svg("line", { class: "grid", x1: EDGE.left, x2: right, y1: Y(y), y2: Y(y) }),
      svg("text", { x: EDGE.left - 6, y: Y(y) + 4, "text-anchor": "end" }, short(y)),
    ]),
    ...ticks(0, most)
      .filter((x, i, every) => width > 360 || i % 2 === 0 || every.length < 4)
      .map((x) => svg("text", { x: X(x), y: bottom + 16, "text-anchor": "middle" }, short(x))),
    svg("text", { x: right, y: HEIGHT - 4, "text-anchor": "end" }, unit),
    ...limits.map((limit) =>
      svg("line", { class: "exact", x1: EDGE.left, x2: right, y1: Y(limit.value), y2: Y(limit.value) }),
    ),
    ...chart.series.flatMap((series, i) => {
      const { band, lines } = series;
      const [kind, look] = [lines.length > 1 ? "seed" : "mean", `series-${i % LOOKS}`];
      const drawn = lines.map((line) =>
        svg("path", { class: `${kind} ${look}`, d: path(line.x, line.y) }),
      );
      if (!band) return drawn;
      const [x, low] = [[...band.x].reverse(), [...band.low].reverse()];
      const area = `${path(band.x, band.high)}${path(x, low).replace("M", "L")}Z`;
      const mean = svg("path", { class: `mean ${look}`, d: path(band.x, band.mean) });
      return [svg("path", { class: `band ${look}`, d: area }), ...drawn, mean];
    }),
  ];
  const image = svg(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": `${chart.title} over ${unit}` },
    parts.flat(),
  );
  image.addEventListener("pointermove", (event) => {
    const box = image.getBoundingClientRect();
    const x = ((event.clientX - box.left - EDGE.left) / (right - EDGE.left)) * most;
    read.textContent = reading(chart, Math.max(0, Math.min(x, most)), unit);
  });
  image.addEventListener("pointerleave", () => (read.textContent = ""));
  return image;
}

/** Say what was measured nearest to so many steps. @param {import("./schema.js").Chart} chart @param {number} x @param {string} unit */
function reading(chart, x, unit) {
  const words = chart.series.map((series) => {
    const line = series.band ? { x: series.band.x, y: series.band.mean } : series.lines[0];
    const distances = line.x.map((there) => Math.abs(there - x));
    const i = distances.indexOf(Math.min(...distances));
    return `${series.label} ${short(line.y[i])}`;
  });
  return `${short(x)} ${unit}: ${words.join(", ")}`;
}
