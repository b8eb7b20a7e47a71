// The trap, on tabular-didactic: two learners that follow exact expected gradients.
//
// One action of n shows the problem, the others show nothing; then the action that has the problem's
// number pays 1. Exploration is softmax(explore); exploitation, after problem i was shown, is
// softmax(exploit[i]). After nothing, whatever is done pays 1/n on average.

/** @typedef {{explore: number[], exploit: number[][]}} Learner */

/** Return a source of numbers from 0 to 1. @param {number} seed */
function random(seed) {
  let state = Math.imul(seed + 1, 2654435761);
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

/** @param {number[]} values */
function softmax(values) {
  const most = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/**
 * Return a learner at its start: preferences are random, but what is shown is used rightly with a
 * probability of `quality`.
 * @param {number} actions @param {number} quality @param {number} seed @returns {Learner}
 */
export function start(actions, quality, seed) {
  const draw = random(seed);
  const some = () => Array.from({ length: actions }, () => draw() - 0.5);
  const explore = some();
  const exploit = Array.from({ length: actions }, (_, i) => {
    const row = some();
    const others = row.reduce((sum, value, j) => sum + (j === i ? 0 : Math.exp(value)), 0);
    row[i] = Math.log((others * quality) / (1 - quality));
    return row;
  });
  return { explore, exploit };
}

/** Return how likely it is to look, to use rightly what was seen, and what a trial returns. @param {Learner} learner */
export function measure({ explore, exploit }) {
  const n = explore.length;
  const looks = softmax(explore)[n - 1];
  const right = exploit.reduce((sum, row, i) => sum + softmax(row)[i], 0) / n;
  return { looks, right, returned: looks * right + (1 - looks) / n };
}

/**
 * Return the learner after one step along the exact gradient of what it maximises. Coupled, both
 * maximise the return of the trial. Decoupled, exploitation is told the problem, and exploration is
 * paid for the information that it gains: all of it for looking, else none.
 * @param {Learner} learner @param {number} rate @param {boolean} coupled @returns {Learner}
 */
export function update({ explore, exploit }, rate, coupled) {
  const n = explore.length;
  const { looks, right } = measure({ explore, exploit });
  const worth = explore.map((_, a) => (a === n - 1 ? (coupled ? right : 1) : coupled ? 1 / n : 0));
  const policy = softmax(explore);
  const mean = policy.reduce((sum, p, a) => sum + p * worth[a], 0);
  const share = (coupled ? looks : 1) / n;
  return {
    explore: explore.map((value, a) => value + rate * policy[a] * (worth[a] - mean)),
    exploit: exploit.map((row, i) => {
      const chosen = softmax(row);
      return row.map((value, b) => value + rate * share * chosen[i] * ((b === i ? 1 : 0) - chosen[b]));
    }),
  };
}
