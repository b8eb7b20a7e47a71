"""Cells that one of Optuna's samplers proposes, one after another, from the results so far.

A plan holds all that was proposed, and results lie beside it: from these a study is made anew for
each proposal, so that it does not matter which worker asks, nor how the last one ended. What
others are at work on counts as running. Each agent on each family is a study of its own.
"""

import dataclasses
import statistics
import warnings
from pathlib import Path
from typing import Any

from dreamrl.comparison.spec import Cell, Result, cells
from dreamrl.errors import UserError
from dreamrl.families.optional_deps import needs
from dreamrl.runs.lock import claim
from dreamrl.sweeps import plan as plans
from dreamrl.sweeps.plan import LOCK, Plan, outcome
from dreamrl.sweeps.space import Span, axes, named

SAMPLERS = {
    "tpe": ("TPESampler", "optuna"),
    "cmaes": ("CmaEsSampler", "cmaes"),
    "gp": ("GPSampler", "torch"),
}
"""Optuna's names for them, and the packages that they need."""


def score(result: Result, by: str) -> float:
    """Return the mean over seeds of the return on problems of `train`, or of `validation`."""
    # Older results are of all held-out problems together.
    return statistics.fmean(seed.get(by, seed["unseen"])["return"] for seed in result["seeds"])


def check(sampler: str) -> None:
    """Raise UserError where a sampler's packages are missing."""
    for package in ("optuna", SAMPLERS[sampler][1]):
        needs(package, "optuna")


def propose(directory: Path) -> bool:
    """Add a cell to a plan that a sampler makes; return whether there was one more to add."""
    plan = plans.read(directory)
    if not left(plan):
        return False
    check(plan.asked["sampler"])
    with claim(directory / LOCK, wait=True):
        # Another worker may have been here since.
        plan = plans.read(directory)
        if more := left(plan) > 0:
            _add_proposal(plan, *_next(plan)).save()
        return more


def left(plan: Plan) -> int:
    """Return how many cells are still to be proposed."""
    if not plan.asked.get("optuna"):
        return 0
    streams = len(plan.asked["agent"]) * len(plan.asked["family"])
    return max(0, plan.asked["optuna"] * streams - len(plan.drawn))


def _next(plan: Plan) -> tuple[str, str]:
    """Return the agent and the family of which the fewest cells were proposed."""
    question = plan.asked
    streams = [(agent, family) for family in question["family"] for agent in question["agent"]]
    number = dict.fromkeys(streams, 0)
    for draw in plan.drawn:
        number[draw["agent"], draw["family"]] += 1
    return min(streams, key=lambda stream: number[stream])


def _add_proposal(plan: Plan, agent: str, family: str) -> Plan:
    question = plan.asked
    choice, attributes = _asked_of_optuna(plan, agent, family)
    name = named(agent, choice)
    draw = {"agent": agent, "family": family, "chosen": choice, "attributes": attributes}
    all_cells = plan.cells
    if not any(cell.key == (name, family) for cell in all_cells):
        numbers = (question["seeds"], question["budget"], question["trials"])
        all_cells = (*all_cells, *cells([name], [family], *numbers))
    return dataclasses.replace(plan, cells=all_cells, drawn=(*plan.drawn, draw))


def _asked_of_optuna(plan: Plan, agent: str, family: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the next settings as texts, and the sampler's attributes of them."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    over = {each.setting: each for each in axes(plan.asked["over"])}
    space = {name: _distribution(each) for name, each in over.items()}
    draws = [d for d in plan.drawn if (d["agent"], d["family"]) == (agent, family)]
    by_key = {cell.key: cell for cell in plan.cells}
    with warnings.catch_warnings():
        # Of what Optuna calls experimental, and of settings that are drawn one by one.
        warnings.simplefilter("ignore")
        kind = getattr(optuna.samplers, SAMPLERS[plan.asked["sampler"]][0])
        sampler = kind(seed=plan.asked["draw"] + len(draws))
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for draw in draws:
            state, value = _state(plan, by_key[named(agent, draw["chosen"]), family])
            study.add_trial(
                optuna.trial.create_trial(
                    state=optuna.trial.TrialState[state],
                    value=value,
                    params={name: _number(over[name], t) for name, t in draw["chosen"].items()},
                    distributions=space,
                    system_attrs=draw["attributes"],
                )
            )
        trial = study.ask(space)
        frozen = study.trials[trial.number]
    texts = {
        name: each.text(trial.params[name]) if isinstance(each, Span) else trial.params[name]
        for name, each in over.items()
    }
    return texts, frozen.system_attrs


def _distribution(over: Any) -> Any:
    import optuna.distributions as kinds

    if not isinstance(over, Span):
        return kinds.CategoricalDistribution(over.texts)
    if over.whole:
        return kinds.IntDistribution(int(over.low), int(over.high), log=over.log)
    return kinds.FloatDistribution(over.low, over.high, log=over.log)


def _number(over: Any, text: str) -> Any:
    if not isinstance(over, Span):
        return text
    return int(text) if over.whole else float(text)


def _state(plan: Plan, cell: Cell) -> tuple[str, float | None]:
    """Return the state of a cell in a study, and its value."""
    try:
        result = outcome(plan, cell)
    except UserError:
        return "FAIL", None
    return ("RUNNING", None) if result is None else ("COMPLETE", score(result, plan.asked["by"]))
