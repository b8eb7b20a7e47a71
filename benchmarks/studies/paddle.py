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
from dreamrl.families.paddle import BUG_NAMES, Paddle
from dreamrl.runs.store import read_json
from dreamrl.trial import play

RESULTS = program.RESULTS / "paddle"
PAGE = DOCS / "cases" / "paddle.md"
AGENTS = (
    "dream",
    "e-rl2",
    "rl2",
    "varibad",
    "import",
    "random-exploration",
    "no-exploration",
)


def labels(run: pathlib.Path, trials: int) -> dict[str, object]:
    """Of one agent, the share of right labels for each bug, in programs never seen."""
    found = runs.find(run)[0]
    loaded = found.load()
    family, agent = loaded.family, loaded.agent
    if not isinstance(family, Paddle):
        raise UserError(f"the agent of {run} was trained on {family.name}, not on paddle")

    def one(problem_id: jax.Array, key: jax.Array) -> jax.Array:
        trial = play(family, family.problem(problem_id), agent, key)
        return trial.exploitation.rewards[0, : len(BUG_NAMES)] > 0

    ids = jnp.asarray(spread(family.test_ids, trials))
    right = jax.jit(jax.vmap(one))(ids, jax.random.split(jax.random.key(0), trials))
    shares = np.asarray(right).mean(0).round(4).tolist()
    return {
        "agent": found.manifest["agent"],
        "seed": found.manifest["seed"],
        "right": dict(zip(BUG_NAMES, shares, strict=True)),
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
    heads = ("bug", *(f"{each['agent']}, seed {each['seed']}" for each in agents))
    rows = [(bug, *(f"{each['right'][bug]:.1%}" for each in agents)) for bug in BUG_NAMES]
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
