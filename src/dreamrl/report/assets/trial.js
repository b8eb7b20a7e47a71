// A trial, moment by moment: one agent, or two side by side.
import { alternatives, encodings, gains, likely, worth } from "./belief.js";
import { boardView } from "./board.js";
import { h, percent, short, table } from "./dom.js";

const MILLISECONDS = 900;

/**
 * An agent, and how to have it play. What is asked for is a value of a choice, or empty.
 * @typedef {{problem: string, swap: string, goal: string, draw: string}} Asked
 * @typedef {{seed: import("./schema.js").Seed, view: import("./schema.js").FamilyView, goals: string[]}} Played
 * @typedef {{
 *   id: string, name: string, family: string, problems: {id: number, kind: "training" | "unseen"}[],
 *   play: (asked: Asked) => Promise<Played>,
 * }} Player
 * @typedef {Played & {player: Player, trial: import("./schema.js").Trial}} Shown
 */

/**
 * Return the view of a trial, and what tells it who can play. One that is `live` can have any trial
 * computed, when it is asked to.
 * @param {boolean} live
 */
export function trialView(live) {
  /** @type {Player[]} */
  let players = [];
  let moment = 0;
  let timer = 0;
  let asked = 0;
  /** @type {Shown[]} */
  let shown = [];
  const labels = ["Agent", "Beside it", "Problem", "Exploit with the belief of", "Goal"];
  const [first, second, problem, swap, goal] = labels.map((label) => choice(label, choose));
  const draw = h("input", { type: "number", min: 0, max: 2 ** 32 - 1, step: 1, value: 0, change: choose });
  const slider = h("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "Moment of the trial", input: scrub });
  const status = h("p", { class: "status", role: "status" });
  const stage = h("div", { class: "stage" });
  const buttons = [
    button("First", () => go(0)),
    button("Back", () => go(moment - 1)),
    button("Play", toggle),
    button("Forward", () => go(moment + 1)),
    button("Last", () => go(last())),
  ];
  const play = buttons[2];
  const nobody = h("p", {}, "There is no agent that could play: see what is said of the runs.");
  const choices = h("div", { class: "choices" }, [first, second, problem, swap].map((each) => each.label), live && [
    goal.label,
    h("label", {}, h("span", {}, "Random seed"), draw),
    button("Compute", choose),
  ]);
  const tools = h("div", { class: "controls", role: "toolbar", "aria-label": "Player" }, buttons, slider);
  const keys = "Keys, with a button in focus: ← and → step, Home and End go to the ends, space plays.";

  /** Say who can play. @param {Player[]} now */
  function offer(now) {
    players = now;
    nobody.hidden = players.length > 0;
    choices.hidden = players.length === 0;
    const named = players.map((player) => [player.id, player.name]);
    options(first.select, named);
    options(second.select, [["", "nobody"], ...named]);
    const gone = shown.some(({ player }) => !players.some(({ id }) => id === player.id));
    if (gone || players.length === 0) show([]);
    if (players.length === 0) return;
    narrow();
    if (!live) choose();
    else if (shown.length === 0) status.textContent = "Compute plays the trial that is chosen.";
  }
  /** Offer what goes with what is chosen. Return those who are to play. */
  function narrow() {
    const find = (/** @type {string} */ id) => players.filter((player) => player.id === id);
    const [one] = find(first.select.value);
    for (const option of second.select.options) {
      option.disabled = find(option.value).some((player) => player.family !== one.family);
    }
    if (second.select.selectedOptions[0]?.disabled) second.select.value = "";
    const kinds = { unseen: "never seen", training: "of training" };
    options(problem.select, one.problems.map(({ id, kind }) => [String(id), `${id} (${kinds[kind]})`]));
    const others = one.problems.map(({ id }) => String(id)).filter((id) => id !== problem.select.value);
    options(swap.select, [["", "the problem itself"], ...others.map((id) => [id, `problem ${id}`])]);
    return [one, ...find(second.select.value)];
  }
  async function choose() {
    pause();
    const chosen = narrow();
    const mine = ++asked;
    const wanted = { problem: problem.select.value, swap: swap.select.value, goal: goal.select.value, draw: draw.value };
    if (live) status.textContent = "Computing. The first trial of an agent is compiled, which takes a while.";
    try {
      const played = await Promise.all(chosen.map((player) => player.play(wanted)));
      if (mine !== asked) return;
      show(played.flatMap((each, i) => each.seed.trials.map((trial) => ({ ...each, trial, player: chosen[i] }))));
    } catch (error) {
      if (mine !== asked) return;
      show([]);
      status.textContent = error instanceof Error ? error.message : String(error);
    }
  }
  /** @param {Shown[]} now */
  function show(now) {
    shown = now;
    tools.hidden = shown.length === 0;
    stage.replaceChildren();
    if (shown.length === 0) return pause();
    const goals = shown[0].goals.map((words, i) => [String(i), words]);
    options(goal.select, [["", "drawn"], ...goals]);
    slider.max = String(last());
    go(0);
  }
  function explorationEnd() {
    return Math.max(...shown.map(({ trial }) => trial.explored.actions.length));
  }
  function last() {
    const used = shown.map(({ trial }) => swapped(trial)?.actions.length ?? 0);
    return explorationEnd() + 1 + Math.max(...used, ...shown.map(({ trial }) => trial.exploited.actions.length));
  }
  /** @param {import("./schema.js").Trial} trial */
  function swapped(trial) {
    return trial.swaps.find((each) => String(each.problem) === swap.select.value)?.exploited ?? null;
  }
  function scrub() {
    pause();
    go(Number(slider.value));
  }
  /** @param {number} to */
  function go(to) {
    moment = Math.max(0, Math.min(to, last()));
    slider.value = String(moment);
    const end = explorationEnd();
    const exploring = moment <= end;
    const step = exploring ? moment : moment - end - 1;
    const words = shown.map(({ trial }) => say(exploring ? trial.explored : trial.exploited, exploring, step));
    slider.setAttribute("aria-valuetext", words[0]);
    // While it plays, nobody could listen as fast.
    status.setAttribute("aria-live", timer ? "off" : "polite");
    status.textContent = words.join(" | ");
    stage.replaceChildren(
      ...shown.map((each) => column(each, exploring, step, swapped(each.trial), swap.select.value)),
    );
    if (moment === last()) pause();
  }
  function toggle() {
    if (timer) return pause();
    if (moment === last()) go(0);
    timer = setInterval(() => go(moment + 1), MILLISECONDS);
    play.textContent = "Pause";
  }
  function pause() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }
  /** @param {KeyboardEvent} event */
  function press(event) {
    const target = /** @type {Element} */ (event.target);
    if (target.matches("select, input, summary") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && target.matches("button")) return;
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => go(moment - 1),
      ArrowRight: () => go(moment + 1),
      Home: () => go(0),
      End: () => go(last()),
      " ": toggle,
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    if (event.key !== " ") pause();
    keys[event.key]();
  }
  const node = h(
    "section",
    { class: "card trial", "aria-labelledby": "trials", keydown: press },
    h("h2", { id: "trials" }, "A trial, step by step"),
    nobody,
    choices,
    tools,
    h("p", { class: "aside" }, keys),
    status,
    stage,
  );
  show([]);
  return { node, offer };
}

/** @param {string} label @param {() => void} change */
function choice(label, change) {
  const select = h("select", { change });
  return { select, label: h("label", {}, h("span", {}, label), select) };
}

/**
 * Offer choices, and keep the present one if it is still among them.
 * @param {HTMLSelectElement} select @param {string[][]} values
 */
function options(select, values) {
  const before = select.value;
  select.replaceChildren(...values.map(([value, words]) => h("option", { value }, words)));
  if (values.some(([value]) => value === before)) select.value = before;
}

/** @param {string} words @param {() => void} click */
function button(words, click) {
  return h("button", { type: "button", click }, words);
}

/**
 * Say what happens at a moment.
 * @param {import("./schema.js").Episode} episode @param {boolean} exploring @param {number} step
 */
function say(episode, exploring, step) {
  const length = episode.actions.length;
  const at = Math.min(step, length);
  const did = at ? `: ${episode.actions[at - 1]}` : "";
  const paid = exploring ? "" : `, return ${short(returned(episode, at))}`;
  const ends = { stopped: "the agent stops", terminated: "the episode ends", truncated: "time is up" };
  const end = at === length ? `; ${ends[episode.end]}` : "";
  return `${exploring ? "exploration" : "exploitation"}, step ${at} of ${length}${did}${paid}${end}`;
}

/** @param {import("./schema.js").Episode} episode @param {number} [step] */
function returned(episode, step) {
  return episode.rewards.slice(0, step).reduce((sum, reward) => sum + reward, 0);
}

/**
 * All that is to be seen of one trial at a moment.
 * @param {Shown} shown @param {boolean} exploring @param {number} step @param {import("./schema.js").Episode | null} other @param {string} problem
 */
function column({ player, trial, seed, view: { board, actions, exploits } }, exploring, step, other, problem) {
  const explored = trial.explored.actions.length;
  const known = exploring ? Math.min(step, explored) : explored;
  const episode = exploring ? trial.explored : trial.exploited;
  const at = Math.min(step, episode.actions.length);
  const frame = trial.frames?.[exploring ? known : explored + 1 + at];
  const picture = episode.pictures?.[at];
  const truth = { [trial.problem]: 0.6 };
  const drawn = (/** @type {import("./schema.js").Episode} */ way, /** @type {string} */ label) =>
    board &&
    boardView(board, truth, label, way.places?.slice(0, step + 1) ?? [], exploring ? null : trial.goal_place);
  const shares = trial.beliefs.shares?.[known];
  const believed = Object.fromEntries(shares ? (seed.known?.ids ?? []).map((id, i) => [id, shares[i]]) : []);
  return h(
    "article",
    { "aria-label": player.name },
    h("h3", {}, player.name),
    h("p", {}, exploring ? "Exploration: no goal is known, nothing is paid." : `Exploitation, goal ${trial.goal}.`),
    h("div", { class: "views" }, [
      frame && h("figure", { class: "wide" }, h("img", { src: frame, alt: "The trial at this moment" })),
      picture && view("what the agent is given", h("img", { class: "seen", src: picture, alt: "The observation" })),
      board && view("what is the case", drawn(episode, `Problem ${trial.problem}: ${say(episode, exploring, step)}`)),
      board && shares && view("what is believed", boardView(board, believed, "The known problems, the darker the likelier")),
      !exploring && other && swapView(trial, other, problem, drawn),
    ]),
    h("div", { class: "panels" }, [
      alternatives(episode, at, (!exploring && exploits) || actions || [], seed.alternatives),
      exploring && worth(trial.beliefs, known),
      gains(trial.beliefs, known),
      likely(trial, seed.known, known),
      encodings(trial, seed.known, known),
    ]),
    h(
      "details",
      { open: !board && !frame },
      h("summary", {}, "All steps as a table"),
      steps(trial, exploring, at, seed.known),
    ),
  );
}

/** @param {string} title @param {Node | null} drawing */
function view(title, drawing) {
  return h("figure", {}, h("figcaption", {}, title), drawing);
}

/**
 * The same exploitation on another problem's belief, and what that costs.
 * @param {import("./schema.js").Trial} trial @param {import("./schema.js").Episode} other
 * @param {string} problem
 * @param {(way: import("./schema.js").Episode, label: string) => Node | null} drawn
 */
function swapView(trial, other, problem, drawn) {
  const [own, swapped] = [returned(trial.exploited), returned(other)];
  const title = `with the belief of problem ${problem}`;
  return h(
    "figure",
    { class: "swap" },
    h("figcaption", {}, title),
    drawn(other, title),
    h("p", {}, `returns ${short(swapped)} instead of ${short(own)}: the wrong belief costs ${short(own - swapped)}`),
    h("p", { class: "aside" }, other.actions.join(", ")),
  );
}

/**
 * @param {import("./schema.js").Trial} trial @param {boolean} exploring @param {number} at
 * @param {import("./schema.js").Known | null} known
 */
function steps(trial, exploring, at, known) {
  const episode = exploring ? trial.explored : trial.exploited;
  const { gained, moved, errors, shares } = trial.beliefs;
  const heads = ["step", "action", episode.seen.length ? "observation" : null];
  const more = exploring ? [gained ? "gained" : "moved", errors && "error to z", shares && known && "most like"] : ["reward"];
  const rows = ["", ...episode.actions].map((action, i) => {
    const row = [String(i), action, episode.seen.length ? episode.seen[i] : null];
    if (!exploring) row.push(i ? short(episode.rewards[i - 1]) : "");
    else {
      row.push(i ? (gained ? percent(gained[i - 1]) : short(moved[i - 1])) : "");
      row.push(errors && short(errors[i]));
      row.push(shares && known && mostLike(shares[i], known));
    }
    return row.filter((cell) => cell !== null);
  });
  const caption = exploring ? "Exploration" : "Exploitation";
  return table(caption, [...heads, ...more].filter((head) => head), rows, at);
}

/** @param {number[]} shares @param {import("./schema.js").Known} known */
function mostLike(shares, known) {
  const best = Math.max(...shares);
  return `${known.ids[shares.indexOf(best)]} (${percent(best)})`;
}
