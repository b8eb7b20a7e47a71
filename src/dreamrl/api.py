"""Train, evaluate and compare from Python: the public functions that need all floors."""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from dreamrl import families, processes, runs
from dreamrl.agents.algorithm import Agent, Algorithm
from dreamrl.agents.dream.stopping import with_stop
from dreamrl.agents.loop import Trainable
from dreamrl.agents.method import Method
from dreamrl.agents.registry import (
    make_trainer,
    method_of,
    settings_for,
    trainer_of,
    with_changes,
)
from dreamrl.comparison.fill import fill
from dreamrl.comparison.spec import Result, cells
from dreamrl.comparison.table import Row, in_words, rows
from dreamrl.deploy import TrainedAgent, load, prepare
from dreamrl.devices import check_devices, check_division
from dreamrl.errors import UserError
from dreamrl.evaluation import Evaluation
from dreamrl.evaluation import evaluate as evaluate_agent
from dreamrl.families.adapted import adapted
from dreamrl.families.family import Family
from dreamrl.families.repeated import explorations_of, explored_in
from dreamrl.host import make_deterministic
from dreamrl.listener import Callbacks, Record
from dreamrl.runs.results import ids_of
from dreamrl.training import DEFAULT_PLAN, Plan
from dreamrl.training import train as train_seeds
from dreamrl.values import AnyPath, Whole, Wholes, plain_value, seeds_from


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """The agents of a training, one a seed."""

    agents: list[TrainedAgent]
    records: list[Record]
    """One a chunk of iterations and seed: iteration, steps, seconds, returns, losses."""
    algorithm: Trainable
    out: Path | None
    """The run's directory; None where the training was not kept."""
    failures: dict[int, str] = dataclasses.field(default_factory=dict)
    """Seeds that train no more, as a loss was not finite, and why. Their agents are as before."""

    @property
    def agent(self) -> TrainedAgent:
        """Return the agent of the first seed."""
        return self.agents[0]


def train(
    agent: str | Method | Algorithm,
    family: str | Family | None = None,
    *,
    settings: Any = None,
    seeds: Whole | Wholes = 1,
    out: AnyPath | None = None,
    plan: Plan = DEFAULT_PLAN,
    progress: bool = False,
    devices: Whole | None = None,
    devices_per_seed: Whole = 1,
    deterministic: bool = False,
    **changes: Any,
) -> TrainingResult:
    """Train an agent on a family of problems, all seeds in one program.

    Args:
        agent: Name of a method, a `Method`, or an algorithm such as `Dream(family, settings)`.
        family: A family, or its name; left out where an algorithm has one.
        settings: Of the method; those of its preset for the family, if not given.
        seeds: How many, from 0 up, or which ones.
        out: Directory of a run to leave, or to go on with; only for methods and families by name.
        plan: How often progress is reported and evaluated; it changes nothing that is learned.
        progress: Whether to print a line a chunk.
        devices: Over how many devices to spread the seeds; all that JAX has, if not given.
        devices_per_seed: How many of them share the trials of each seed.
        deterministic: Whether the same seeds give the same agents each time on a GPU too, and
            more slowly, in the whole process from then on; on a CPU it is so anyway.
        **changes: Settings that differ, by path or its unambiguous end: `iterations=300`, or
            `**{"exploration.cost": 0.0}`.

    Returns:
        The agents, and what was reported on the way.

    Raises:
        UserError: For whatever cannot be trained, before anything is written.
        TrainingDiverged: Where a loss is not finite.
    """
    numbers = _seeds(seeds)
    if deterministic:
        make_deterministic()
    if out is not None and processes.several():
        raise UserError("several processes write no run from Python: dreamrl train --coordinator")
    places = check_devices(devices, devices_per_seed)
    if isinstance(agent, Algorithm):
        if settings is not None or changes:
            raise UserError("an algorithm has its settings already: change them there")
        trainer = trainer_of(agent, len(numbers))
    else:
        trainer = _trainer(agent, family, settings, changes, len(numbers))
    check_division(trainer.settings, places)
    records: list[Record] = []
    report = _reporter(records, progress)
    if out is not None:
        if not (isinstance(agent, str) and family is not None):
            raise UserError("out needs a method by name and a family: see dreamrl.register_method")
        name = _name_of(family)
        terms = runs.Terms(plan.chunk, plan.evaluate_every, plan.evaluation_trials)
        runs.ensure(out, agent, name, trainer.settings, numbers, terms, Callbacks(report), places)
        seed_runs = runs.find(out)
        # Those of earlier calls too, where this one went on.
        all_records = [record for run in seed_runs for record in run.records]
        manifests = [run.manifest for run in seed_runs]
        failures = {m["seed"]: m["error"] for m in manifests if m.get("status") == "failed"}
        return TrainingResult(
            [load(run.path) for run in seed_runs], all_records, trainer, Path(out), failures
        )
    training = train_seeds(trainer, numbers, plan, Callbacks(report), devices=places)
    states = (runs.of_seed(training.state, i) for i in range(len(numbers)))
    agents = [prepare(trainer.family, trainer, state) for state in states]
    failures = {numbers[failure.place]: failure.error for failure in training.failures}
    return TrainingResult(agents, records, trainer, None, failures)


def evaluate(
    agent: TrainedAgent | Agent | AnyPath,
    family: str | Family | None = None,
    *,
    split: Literal["test", "validation", "train"] = "test",
    trials: Whole = 2000,
    seed: Whole = 0,
    episodes: Whole = 1,
    stop: Any = None,
) -> Evaluation:
    """Measure an agent by meta-test: greedy trials in problems that it is not told.

    Args:
        agent: A trained agent, a run's directory, or any greedy `Actor`.
        family: Where to measure it; its own, if not given. A trained agent explores it in as many
            episodes as it was trained with (`budget.explorations`).
        split: On problems held out (`test`; where there are none, on those of training), on the
            tenth of these that is for choosing (`validation`), or on those of training (`train`).
        trials: Number of trials, each problem as often as any other.
        seed: The same seed gives the same trials.
        episodes: Exploitation episodes a trial.
        stop: When DREAM's explorations end, if otherwise than in training: `rule`, `never` or a
            number of steps.

    Raises:
        UserError: Where there is nothing to measure.
    """
    if isinstance(agent, str | os.PathLike):
        agent = load(Path(agent))
    if split not in ("test", "validation", "train"):
        raise UserError(f"split is {split!r}: it must be test, validation or train")
    if family is None:
        if not isinstance(agent, TrainedAgent):
            raise UserError("evaluate needs the family of an actor that was not loaded or trained")
        family = agent.family
    target = adapted(families.make(family) if isinstance(family, str) else family)
    if isinstance(agent, TrainedAgent) and explorations_of(target) == 1:
        target = explored_in(target, explorations_of(agent.family))
    greedy = with_stop(agent.agent if isinstance(agent, TrainedAgent) else agent, stop)
    ids = ids_of(target, "unseen" if split == "test" else split)
    return evaluate_agent(target, greedy, ids, trials, seed, episodes)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Agents side by side on families."""

    rows: list[Row]
    results: list[Result]
    base: str

    def __str__(self) -> str:
        """Return the tables, one a family, as Markdown."""
        return in_words(self.results, self.base)


def compare(
    agents: str | Iterable[str],
    families: str | Family | Iterable[str | Family],
    *,
    seeds: Whole = 5,
    budget: Whole | None = None,
    trials: Whole = 2000,
    out: AnyPath = "runs/compare",
    progress: bool = False,
) -> Comparison:
    """Train what is missing of agents x families x seeds, and compare returns with intervals.

    Args:
        agents: Methods by name, with settings or without: `dream:cost=0`. The first is the base.
        families: Names, or families known by their name.
        seeds: Seeds of each.
        budget: Environment steps of each; those of the base's preset, if not given.
        trials: Trials that measure each seed.
        out: Where runs and results are kept; finished ones are used again.
        progress: Whether to print a line a chunk.

    Raises:
        UserError: For whatever cannot be trained.
    """
    agents = [agents] if isinstance(agents, str) else list(agents)
    several = [families] if isinstance(families, str | Family) else families
    names = [_name_of(family) for family in several]
    if not (agents and names):
        raise UserError("there is nothing to compare: give agents and families")
    table = cells(agents, names, seeds, budget, trials, agents[0])
    listener = _Cells(_reporter([], progress))
    filled = fill(table, Path(out) / "cells", Path(out), listener, "dreamrl.compare")
    return Comparison(rows(filled.results, agents[0]), list(filled.results), agents[0])


class _Cells(Callbacks):
    """Hears of cells what it hears of trainings alone; a failure is raised."""

    def begin(self, cell: Any, seeds: Sequence[int]) -> None: ...

    def done(self, cell: Any, result: Any) -> None: ...

    def failed(self, cell: Any, error: UserError) -> None:
        raise error


def _reporter(records: list[Record], progress: bool) -> Callable[[Sequence[Record]], None]:
    def report(batch: Sequence[Record]) -> None:
        records.extend(batch)
        if progress:
            first = batch[0]
            scores = (f"{n} {first[n]:.3f}" for n in ("return_unseen", "information") if n in first)
            # Whoever read it may have closed it: no training ends by that.
            with contextlib.suppress(OSError, ValueError):
                print(f"iteration {first['iteration']}  {'  '.join(scores)}", flush=True)

    return report


def _name_of(family: str | Family) -> str:
    """Return the name by which a run finds that family again.

    Raises:
        UserError: Where its name is that of another, or of none.
    """
    if isinstance(family, str):
        return family
    name = family.name
    if families.make(name) != family:
        raise UserError(
            f"{name!r} names another family than this one: give its name with its fields, as "
            f"{name}:FIELD=VALUE, or dreamrl.register_family(NAME, family) and NAME"
        )
    return name


def _seeds(seeds: Whole | Wholes) -> tuple[int, ...]:
    value = plain_value(seeds)
    return seeds_from(range(value) if isinstance(value, int) else value)


def _trainer(
    agent: str | Method,
    family: str | Family | None,
    settings: Any,
    changes: dict[str, Any],
    seeds: int,
) -> Trainable:
    if family is None:
        raise UserError("family is missing: a family, or the name of one")
    instance = families.make(family) if isinstance(family, str) else family
    if isinstance(agent, str):
        settings = settings_for(agent, instance.name) if settings is None else settings
        method_of(agent)
        return make_trainer(agent, instance, with_changes(settings, changes), seeds)
    if settings is None:
        settings = agent.presets[agent.preset_of(instance.name)]
    return trainer_of(agent.algorithm(instance, with_changes(settings, changes)), seeds)


__all__ = ["Comparison", "TrainingResult", "compare", "evaluate", "train"]
