/**
 * The types of the report's data, as schema.py has them. The page does not hold this file.
 *
 * @typedef {[number, number]} Point
 * @typedef {{seed: number, x: number[], y: number[]}} Line
 * @typedef {{x: number[], mean: number[], low: number[], high: number[]}} Band
 * @typedef {{label: string, lines: Line[], band: Band | null}} Series
 * @typedef {{title: string, high: number | null, limits: boolean, series: Series[]}} Chart
 * @typedef {{label: string, value: number}} Limit
 * @typedef {{kind: "alarm" | "note", what: string, remedy: string, seeds: number[]}} Alarm
 * @typedef {{
 *   actions: string[], rewards: number[], end: "stopped" | "terminated" | "truncated",
 *   alternatives: number[][] | null, seen: string[], places: Point[] | null,
 *   pictures: string[] | null,
 * }} Episode
 * @typedef {{
 *   errors: number[] | null, gained: number[] | null, moved: number[], worth: number[] | null,
 *   shares: number[][] | null, points: Point[] | null,
 * }} Beliefs
 * @typedef {{problem: number, exploited: Episode}} Swap
 * @typedef {{
 *   problem: number, kind: "training" | "unseen", goal: string, goal_place: Point | null,
 *   explored: Episode, beliefs: Beliefs, exploited: Episode, swaps: Swap[],
 *   frames: string[] | null,
 * }} Trial
 * @typedef {{ids: number[], points: Point[], variance: Point}} Known
 * @typedef {{
 *   seed: number, message: string | null, alternatives: "probability" | "advantage",
 *   known: Known | null, trials: Trial[],
 * }} Seed
 * @typedef {{
 *   name: string, message: string | null, agent: string, family: string, state: string,
 *   progress: string, started: string, result: [string, string][], limits: Limit[],
 *   alarms: Alarm[], charts: Chart[], settings: Record<string, string>,
 *   versions: Record<string, string>, seeds: Seed[],
 * }} Group
 * @typedef {{
 *   size: number, lines: [number, number, number, number, string][],
 *   marks: [number, number, string, string][], problems: Record<string, [number[], number[]]>,
 * }} Board
 * @typedef {{actions: string[] | null, exploits?: string[], board: Board | null}} FamilyView
 * @typedef {{setting: string, values: (string | null)[]}} Difference
 * @typedef {{chart: Chart, limits: Limit[]}} Together
 * @typedef {{
 *   format: 1, made: string, version: string, groups: Group[],
 *   families: Record<string, FamilyView>, differences: Difference[], together: Together[],
 * }} Report
 */
export {};
