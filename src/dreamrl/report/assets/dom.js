// Elements, made so that no text is ever read as HTML.

/** @typedef {string | number | Node | null | undefined | false} Child */
/** @typedef {Record<string, string | number | boolean | null | ((event: any) => void)>} Attributes */

/**
 * Fill an element: an attribute that is a function listens, null and false leave one out.
 * @template {Element} E
 * @param {E} element @param {Attributes} attributes @param {(Child | Child[])[]} children
 * @returns {E}
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

/**
 * Return an HTML element.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Attributes} [attributes] @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/**
 * Return an SVG element.
 * @param {string} tag @param {Attributes} [attributes] @param {...(Child | Child[])} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/**
 * Return a table; the first cell of each row is its heading.
 * @param {string} caption @param {Child[]} heads @param {Child[][]} rows @param {number} [current]
 */
export function table(caption, heads, rows, current = -1) {
  const cells = (/** @type {Child[]} */ row) =>
    row.map((cell, i) => (i ? h("td", {}, cell) : h("th", { scope: "row" }, cell)));
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": caption },
    h(
      "table",
      {},
      h("caption", {}, caption),
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
      h(
        "tbody",
        {},
        rows.map((row, i) => h("tr", { "aria-current": i === current && "step" }, cells(row))),
      ),
    ),
  );
}

/** @param {number} value */
export function percent(value) {
  return `${(100 * value).toFixed(Math.abs(value) < 0.095 ? 1 : 0)} %`;
}

/** Return a number in few digits. @param {number} value */
export function short(value) {
  const size = Math.abs(value);
  if (size >= 1e6) return `${+(value / 1e6).toPrecision(3)}M`;
  if (size >= 1e4) return `${+(value / 1e3).toPrecision(3)}k`;
  return String(+value.toPrecision(3));
}
