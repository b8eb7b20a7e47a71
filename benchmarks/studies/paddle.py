"""Bug reports on `paddle`: all agents on programs never seen, and which labels come out wrong.

    python -m benchmarks.studies.paddle                  all agents: what is missing is trained
    python -m benchmarks.studies.paddle dream --seeds 3  these
    python -m benchmarks.studies.paddle --labels RUN...  of each bug, the share of right labels
    python -m benchmarks.studies.paddle --table          the tables of docs/cases/paddle.md

Every agent gets as many environment steps as DREAM's preset takes. Results are
benchmarks/results/paddle/paddle/AGENT.json and paddle-labels.json. Stopped at any time, the same
command goes on.
"""

import pathlib
import statistics
import sys

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import pages, program
from benchmarks.cells import fill_all
from benchmarks.program import DOCS, ROOT, command, keep, kept, parser
from dreamrl import runs
from dreamrl.comparison.spec import Result, cells
from dreamrl.errors import UserError
from dreamrl.evaluation import spread
from dreamrl.families.paddle import BUG_NAMES, PROGRAMS, Game, Paddle
from dreamrl.runs.store import read_json
from dreamrl.trial import play

RESULTS = program.RESULTS / "paddle"
BATCH = 50
"""Games that are compared with all programs at once."""
PAGE = DOCS / "cases" / "paddle.md"
AGENTS = ("dream", "rl2", "varibad", "import", "random-exploration")
"""Exploration pays nothing here, so that E-RL2, which does not count what it pays, is RL2."""


def told(family: Paddle, problem_id: jax.Array, actions: jax.Array, taken: jax.Array) -> jax.Array:
    """Whether a game tells each bug: no program that looks the same differs in it."""
    key = jax.random.key(0)

    def game(program: jax.Array) -> jax.Array:
        bugs = family.problem(program)

        def advance(state: Game, action: jax.Array) -> tuple[Game, jax.Array]:
            state, step = family.step(key, bugs, None, state, action)
            return state, step.observation

        return jax.lax.scan(advance, family.reset(key, bugs)[0], actions)[1]

    programs = jnp.arange(PROGRAMS)
    seen, bugs = jax.vmap(game)(programs), jax.vmap(family.problem)(programs)
    same = ((seen == seen[problem_id]) | ~taken[:, None]).all((1, 2))
    return ((bugs == bugs[problem_id]) | ~same[:, None]).all(0)


def labels(run: pathlib.Path, trials: int) -> dict[str, object]:
    """Of one agent, the share of right labels for each bug, in programs never seen."""
    found = runs.find(run)[0]
    loaded = found.load()
    family, agent = loaded.family, loaded.agent
    if not isinstance(family, Paddle):
        raise UserError(f"the agent of {run} was trained on {family.name}, not on paddle")

    def one(inputs: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        problem_id, key = inputs
        trial = play(family, family.problem(problem_id), agent, key)
        shown = told(family, problem_id, trial.exploration.actions, trial.exploration.mask)
        return trial.exploitation.rewards[0, : len(BUG_NAMES)] > 0, shown

    ids = jnp.asarray(spread(family.test_ids, trials))
    keys = jax.random.split(jax.random.key(0), trials)
    played = jax.jit(lambda *x: jax.lax.map(one, x, batch_size=BATCH))(ids, keys)
    right, shown = map(np.asarray, played)
    by_bug = [
        dict(zip(BUG_NAMES, x.mean(0).round(4).tolist(), strict=True)) for x in (right, shown)
    ]
    return {
        "agent": found.manifest["agent"],
        "seed": found.manifest["seed"],
        "right": by_bug[0],
        "told": by_bug[1],
        "wrong": round(float((~right).mean()), 4),
        "wrong_though_told": round(float((~right & shown).mean()), 4),
    }


def results() -> list[Result]:
    """Those that are there, in the order of the agents."""
    found = [read_json(path) for path in RESULTS.glob("paddle/*.json")]
    return sorted(found, key=lambda result: AGENTS.index(result["agent"]))


def row(result: Result) -> tuple[str, ...]:
    """An agent in figures: means over seeds, and the lowest in brackets."""
    seeds = result["seeds"]

    def shown(name: str) -> str:
        values = [seed["unseen"][name] for seed in seeds]
        lowest = f" ({min(values):.1%})" if len(values) > 1 else ""
        return f"{statistics.fmean(values):.1%}{lowest}"

    minutes = sum(training["wall_seconds"] for training in result["trainings"]) / len(seeds) / 60
    steps = statistics.fmean(seed["unseen"]["exploration_length"] for seed in seeds)
    right = (shown("return"), shown("programs_right"))
    return result["name"], f"{len(seeds)}", *right, f"{steps:.1f}", f"{minutes:.1f}"


def write_page() -> None:
    heads = ("agent", "seeds", "labels right", "programs wholly right", "steps played", "minutes")
    pages.put(PAGE, "agents", pages.table(heads, map(row, results())))
    agents = kept("paddle-labels").get("agents", [])
    heads = ("right", *(f"{each['agent']}, seed {each['seed']}" for each in agents))
    rows: list[tuple[str, ...]] = [
        (bug, *(f"{each['right'][bug]:.1%}" for each in agents)) for bug in BUG_NAMES
    ]
    for words, name in (("wrong", "wrong"), ("wrong, though told", "wrong_though_told")):
        rows.append((words, *(f"{each[name]:.1%}" for each in agents)))
    pages.put(PAGE, "labels", pages.table(heads, rows))


@program.program
def main() -> int:
    arguments = parser(__doc__)
    arguments.add_argument("agents", nargs="*", help="default: " + ", ".join(AGENTS))
    arguments.add_argument("--seeds", type=int, default=1)
    arguments.add_argument("--trials", type=int, default=2000, help="trials that measure a seed")
    arguments.add_argument("--labels", nargs="+", type=pathlib.Path, metavar="RUN")
    arguments.add_argument("--table", action="store_true", help="write the page, and train nothing")
    asked = arguments.parse_args()
    if asked.table:
        write_page()
        return 0
    if asked.labels:
        found = [labels(run, asked.trials) for run in asked.labels]
        keep("paddle-labels", command(__spec__.name, "--labels", "RUN..."), agents=found)
        return 0
    names = asked.agents or AGENTS
    chosen = cells(names, ["paddle"], asked.seeds, trials=asked.trials, base="dream")
    filled = fill_all(chosen, RESULTS, ROOT / "runs" / "paddle", command(__spec__.name))
    return 130 if filled.stopped else int(filled.failed > 0)


if __name__ == "__main__":
    sys.exit(main())
