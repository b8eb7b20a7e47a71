"""Agents on diagnoses, beside what can be reached at their own number of tests.

    python -m benchmarks.studies.diagnoses                    all tables and agents: minutes each
    python -m benchmarks.studies.diagnoses pump --seeds 2     these tables
    python -m benchmarks.studies.diagnoses --size             what large tables take, and no more
    python -m benchmarks.studies.diagnoses --fleet            a new machine each trial, and no more
    python -m benchmarks.studies.diagnoses --table            the tables of docs/diagnosis.md and
                                                              docs/cases/networks.md

Tables: `pump`, `asia`, `alarm` and `insurance`, which come with dreamrl; `machine`, of 12 faults,
each repair right for three, and 15 tests of which ten tell nothing about the repair; `wide`, of 30
faults, 6 repairs and 40 tests. DREAM is measured with its stop rule and without. Of the last two
networks returns are less costs of tests, and its c is 0: what tests cost is all that counts. `wide`
has 2,000 iterations. "Repaired by the posterior" is what the same explorations would return if the
repair were the best one by the exact posterior: what is missing then is due to the tests. Of a
new machine each trial agents are measured on machines never trained on, and on those of training.
"""

import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import pages
from benchmarks.program import DOCS, command, keep, kept, parser
from dreamrl import runs
from dreamrl.agents.registry import make_trainer, settings_for
from dreamrl.configuration import changed
from dreamrl.deploy import prepare
from dreamrl.deploy.divergence import divergence
from dreamrl.evaluation import evaluate, spread
from dreamrl.families.diagnosis import Diagnosis, diagnosis, fleet, from_columns
from dreamrl.families.family import prior_of
from dreamrl.references.diagnosis import DiagnosisReference, best_of, diagnosis_references
from dreamrl.training import Plan, train
from dreamrl.trial import play

PAGES = {
    DOCS / "diagnosis.md": ("pump", "asia", "machine", "wide"),
    DOCS / "cases" / "networks.md": ("alarm", "insurance"),
}
PRICED = ("alarm", "insurance")
TRIALS = 200_000
LONG = {"wide": {"iterations": 2000}}
"""Where the preset's iterations are too few."""
REPAIRED = 20_000
"""Trials that are repaired by the posterior."""
FLEET_ITERATIONS, FLEET_TRIALS = 2000, 50_000
FLEET_AGENTS = ("dream", "rl2")
REGRET = {
    "exploration.objective": "regret",
    "exploration.discount": 0.99,
    "exploration.critic": "history",
}
"""Exploration paid in units of the return; a critic that is told the problem is no help there."""
WIDER = {"budget.trials": 2048}
"""Expected on `machine`, from two seeds of pilots: 0.0045 from the best at as many tests, 0.0035 to
0.0055 by seed, and 0.005 below with all ten."""
PLAIN_REGRET = REGRET | {
    "exploitation.belief_noise": False,
    "learner.exploitation.entropy_end": 0.9,
    "exploitation.decoder_share": 0.9,
    "exploitation.decoder_share_begin": 0.1,
    "exploitation.decoder_share_end": 0.3,
}
"""Exploitation learns to act on beliefs as they are, for longer, and most of the time. Expected,
from four seeds of pilots: `asia` -0.761, the best, with four seeds of five, and -0.774 or worse
with one."""
EXPECTED = (
    "Of dream, by two seeds of pilots: machine within 0.004 of the best at as many tests, by the "
    "stop rule, and 0.006 below with all ten; pump 0.858; asia -0.797; wide 0.75."
)
AGENTS = {
    "dream": ("dream", {}, (None, "never")),
    "dream, four times the trials": ("dream", WIDER, (None, "never")),
    "dream, regret": ("dream", REGRET, (None, "never")),
    "dream, regret, beliefs without noise": ("dream", PLAIN_REGRET, (None, "never")),
    "rl2": ("rl2", {}, (None,)),
}
USUAL = ("dream", "dream, regret", "rl2")
"""Those that are trained where nobody says which."""


def machine() -> Diagnosis:
    """Twelve faults; five tests tell about the repair, ten about nothing that matters."""
    faults, group, place = 12, np.arange(12) // 3, np.arange(12) % 3
    signs = [*(group == g for g in range(4)), group < 2]
    chances = [np.where(sign, 0.88, 0.1) for sign in signs]
    chances += [np.where(place == i % 3, 0.95, 0.03) for i in range(10)]
    payoffs = np.where(group == np.arange(4)[:, None], 1.0, -1.0)
    return made(np.full(faults, 1 / faults), np.array(chances), payoffs, budget=10)


def wide(faults: int = 30, tests: int = 40, repairs: int = 6, budget: int = 12) -> Diagnosis:
    """A table as large as people have them: each test is likely in a third of the faults."""
    rng = np.random.default_rng(0)
    chances = np.where(rng.random((tests, faults)) < 1 / 3, 0.85, 0.1)
    right = np.arange(faults) % repairs == np.arange(repairs)[:, None]
    prior = rng.dirichlet(np.full(faults, 5.0))
    return made(prior, chances, np.where(right, 1.0, -1.0), budget)


def made(prior: np.ndarray, chances: np.ndarray, payoffs: np.ndarray, budget: int) -> Diagnosis:
    names = [f"fault {i}" for i in range(len(prior))]
    tests = {"test": [f"test {i}" for i in range(len(chances))], "cost": [0.0] * len(chances)}
    tests |= dict(zip(names, chances.T.tolist(), strict=True))
    repairs = {"repair": [f"repair {i}" for i in range(len(payoffs))]}
    repairs |= dict(zip(names, payoffs.T.tolist(), strict=True))
    return from_columns({"fault": names, "prior": prior.tolist()}, tests, repairs, budget=budget)


HEADS = (
    *("table", "", "return", "repaired by the posterior", "tests", "best at so many"),
    *("useless", "KL", "minutes a seed"),
)
TABLES = {
    "pump": diagnosis,
    "asia": lambda: diagnosis(table="asia"),
    "alarm": lambda: diagnosis(table="alarm"),
    "insurance": lambda: diagnosis(table="insurance"),
    "machine": machine,
    "wide": wide,
}


def measured(name: str, agent: str, seeds: int) -> list[dict[str, object]]:
    """Train an agent, all seeds in one program, and measure each with each way to stop."""
    family = TABLES[name]()
    method, changes, stops = AGENTS[agent]
    if name in PRICED and method == "dream":
        changes = changes | {"exploration.cost": 0.0}
    changes = changes | LONG.get(name, {})
    began = time.perf_counter()
    trainer = make_trainer(
        method, family, changed(settings_for(method, "diagnosis"), changes), seeds
    )
    training = train(trainer, tuple(range(seeds)), Plan(evaluate_every=1000, evaluation_trials=64))
    minutes = (time.perf_counter() - began) / 60
    found = []
    for seed in range(seeds):
        trained = prepare(trainer.family, trainer, runs.of_seed(training.state, seed))
        for stop in stops:
            used = trained if stop is None else trained.with_stop(stop)
            result = evaluate(family, used.agent, family.test_ids, TRIALS, seed=1)
            low, high = result.return_ci95 or (None, None)
            found.append(
                {
                    "table": name,
                    "agent": agent,
                    "seed": seed,
                    "stop": stop,
                    "return": result.return_mean,
                    "low": low,
                    "high": high,
                    "tests": result.exploration_length_mean,
                    "best_at_so_many": at_so_many(family, result.exploration_length_mean),
                    "repaired_by_posterior": repaired_by_posterior(family, used.agent),
                    "divergence": divergence(used),
                    "minutes": minutes / seeds,
                    "compiling": training.compile_seconds,
                    **result.statistics,
                }
            )
    return found


def repaired_by_posterior(family: Diagnosis, agent: Any) -> float:
    """The mean return of this agent's explorations, if the exact posterior said the repair."""
    table = family.table
    payoffs = jnp.asarray(table.payoffs, jnp.float32)
    logs, prior = (jnp.log(jnp.asarray(x, jnp.float32)) for x in (table.flat, table.prior))

    def one(problem_id, key):
        explored = play(family, family.problem(problem_id), agent, key).exploration
        seen = explored.observations[1:]
        # An observation of 0 shows no outcome.
        told = jnp.where((explored.mask & (seen > 0))[:, None], logs[seen - 1], 0.0)
        posterior = jax.nn.softmax(prior + told.sum(0))
        return (payoffs @ posterior).max() + explored.episode_return

    drawn = spread(family.test_ids, REPAIRED, 2, prior_of(family, family.test_ids))
    keys = jax.random.split(jax.random.key(2), REPAIRED)
    return float(jax.jit(jax.vmap(one))(jnp.asarray(drawn), keys).mean())


def at_so_many(family: Diagnosis, tests: float) -> float | None:
    """The best return of a mean number of tests; between two prices, the line between them."""
    search = best_of(family)
    if not search.exact:
        return None
    prices = np.geomspace(1e-4, 0.5, 40)
    points = [search.value(price=price) for price in prices]
    points.append(search.value())
    numbers, returns = zip(*sorted({(p.tests, p.low) for p in points}), strict=True)
    return float(np.interp(tests, numbers, returns))


def machines(seeds: int) -> dict[str, object]:
    """Train on a new machine each trial, and measure; references are means over the unseen."""
    family = fleet()
    unseen = range(len(family.tables) - family.held_out, len(family.tables))
    found = [diagnosis_references(family.machine(number), 100) for number in unseen]
    ways: dict[str, Callable[[DiagnosisReference], float]] = {
        "told the fault": lambda own: own.optimum,
        "best tests": lambda own: own.bayes_optimal.low,
        "most information on repairs": lambda own: own.informed.mean,
        "greedy information gain": lambda own: own.greedy_information.mean,
        "tests in the table's order": lambda own: own.fixed_order.mean,
        "tests at random": lambda own: own.random.mean,
        "no test": lambda own: own.no_test,
    }
    references = {name: statistics.fmean(map(way, found)) for name, way in ways.items()}
    rows: list[dict[str, object]] = []
    for agent in FLEET_AGENTS:
        settings = changed(settings_for(agent), {"iterations": FLEET_ITERATIONS})
        began = time.perf_counter()
        trainer = make_trainer(agent, family, settings, seeds)
        plan = Plan(evaluate_every=1000, evaluation_trials=64)
        training = train(trainer, tuple(range(seeds)), plan)
        minutes = (time.perf_counter() - began) / 60 / seeds
        for seed in range(seeds):
            used = prepare(trainer.family, trainer, runs.of_seed(training.state, seed)).agent
            row: dict[str, object] = {"agent": agent, "seed": seed, "minutes": minutes}
            for name, ids in (("unseen", family.test_ids), ("training", family.train_ids)):
                result = evaluate(family, used, ids, FLEET_TRIALS, seed=1)
                row |= {name: result.return_mean, f"{name}_tests": result.exploration_length_mean}
            rows.append(row)
            print(row, flush=True)
    return {"references": references, "measured": rows}


def fleet_table() -> str:
    held = kept("diagnoses")["fleet"]
    lines = [(name, f"{value:.3f}", "", "", "") for name, value in held["references"].items()]
    for agent in FLEET_AGENTS:
        own = [row for row in held["measured"] if row["agent"] == agent]
        means = [statistics.fmean(row[n] for row in own) for n in ("unseen", "training")]
        rest = [statistics.fmean(row[n] for row in own) for n in ("unseen_tests", "minutes")]
        lowest = f"{means[0]:.3f} ({min(row['unseen'] for row in own):.3f})"
        lines.append((f"`{agent}`", lowest, f"{means[1]:.3f}", f"{rest[0]:.2f}", f"{rest[1]:.1f}"))
    heads = ("", "return, unseen machines", "of training", "tests", "minutes a seed")
    return pages.table(heads, sorted(lines, key=lambda line: -float(line[1].split()[0])))


def size() -> list[dict[str, object]]:
    """What training on tables of two sizes takes: one after the other, in this process."""
    rows = []
    for faults, tests in ((30, 40), (10_000, 200)):
        family = wide(faults, tests)
        settings = changed(settings_for("dream", "diagnosis"), {"iterations": 60})
        began = time.perf_counter()
        trainer = make_trainer("dream", family, settings)
        records: list = []
        training = train(trainer, (0,), Plan(10, 1000, 64), records.extend)
        rates = [record["steps_per_second"] for record in records]
        rows.append(
            {
                "faults": faults,
                "tests": tests,
                "steps_per_second": statistics.median(rates),
                "compiling": training.compile_seconds,
                "seconds": time.perf_counter() - began,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
        print(rows[-1], flush=True)
        jax.clear_caches()
    return rows


def write_pages() -> None:
    for page, names in PAGES.items():
        pages.put(page, "diagnoses", table_of(names))
    if "fleet" in kept("diagnoses"):
        pages.put(DOCS / "diagnosis.md", "fleet", fleet_table())


def table_of(names: Sequence[str]) -> str:
    held = kept("diagnoses")
    lines = []
    for name in names:
        rows = [row for row in held.get("measured", []) if row["table"] == name]
        if not rows:
            continue
        exact = held["references"][name]
        for agent, stop in dict.fromkeys((row["agent"], row["stop"]) for row in rows):
            own = [row for row in rows if (row["agent"], row["stop"]) == (agent, stop)]
            lines.append((name, *figures(agent, stop, own)))
        rest = ("best tests", "most information on repairs", "greedy information gain")
        for words in rest:
            if exact[words] is not None:
                mean, tests, *high = exact[words]
                value = f"{mean:.4f}" + "".join(f" to {x:.4f}" for x in high if x > mean)
                lines.append((name, words, value, "", f"{tests:.2f}", *[""] * 4))
    return pages.table(HEADS, lines)


def figures(agent: str, stop: str | None, own: list[dict]) -> tuple[str, ...]:
    def mean(name: str) -> float:
        return statistics.fmean(row[name] for row in own)

    returns = [row["return"] for row in own]
    lowest = f" ({min(returns):.4f})" if len(own) > 1 else ""
    best = "" if own[0]["best_at_so_many"] is None else f"{mean('best_at_so_many'):.4f}"
    nats = "" if own[0]["divergence"] is None else f"{mean('divergence'):.3f}"
    words = f"`{agent}`" + (f", stop {stop}" if stop else "")
    shares = (f"{mean('useless_tests') / max(mean('tests'), 1e-9):.1%}", nats)
    return (
        words,
        f"{mean('return'):.4f}{lowest}",
        f"{mean('repaired_by_posterior'):.4f}",
        f"{mean('tests'):.2f}",
        best,
        *shares,
        f"{mean('minutes'):.1f}",
    )


def main() -> None:
    options = parser(__doc__)
    options.add_argument("tables", nargs="*")
    options.add_argument("--agents", nargs="*", default=list(USUAL))
    options.add_argument("--seeds", type=int, default=2)
    options.add_argument("--size", action="store_true")
    options.add_argument("--fleet", action="store_true")
    options.add_argument("--table", action="store_true")
    given = options.parse_args()
    if given.size:
        keep("diagnoses", command(__spec__.name, "--size"), **{**_held(), "size": size()})
    elif given.fleet:
        found = machines(given.seeds)
        keep("diagnoses", command(__spec__.name, "--fleet"), **{**_held(), "fleet": found})
    elif not given.table:
        for name in given.tables or TABLES:
            reference(name)
            for agent in given.agents:
                held = _held()
                rest = [
                    row
                    for row in held.get("measured", [])
                    if (row["table"], row["agent"]) != (name, agent)
                ]
                rest += measured(name, agent, given.seeds)
                keep("diagnoses", command(__spec__.name, "TABLE..."), **{**held, "measured": rest})
                print([row for row in rest if row["table"] == name], flush=True)
    write_pages()


def reference(name: str) -> None:
    """Keep what can be reached in a table."""
    found, held = diagnosis_references(TABLES[name](), 10), _held()
    best = found.bayes_optimal
    own = {
        "best tests": (best.low, best.tests, best.high),
        "most information on repairs": found.informed and found.informed[:2],
        "greedy information gain": found.greedy_information[:2],
    }
    every = {**held.get("references", {}), name: own}
    known = {**held, "references": every, "expected": EXPECTED}
    keep("diagnoses", command(__spec__.name, "TABLE..."), **known)


def _held() -> dict:
    return {name: x for name, x in kept("diagnoses").items() if name in PARTS}


PARTS = ("expected", "measured", "references", "size", "fleet")


if __name__ == "__main__":
    sys.exit(main())
