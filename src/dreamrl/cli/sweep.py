"""`dreamrl sweep AGENT... --family F... --over SETTING=VALUES...`: which settings are best."""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from dreamrl.cli.values import TRIALS, check_number, check_seed, command_line
from dreamrl.cli.workers import Crew, check_out, finish, settle
from dreamrl.comparison.spec import Cell, cells
from dreamrl.errors import UserError
from dreamrl.sweeps import plan as plans
from dreamrl.sweeps import proposals
from dreamrl.sweeps.plan import PLAN, Plan
from dreamrl.sweeps.space import axes, drawn, grid, named

EXAMPLES = """\
  dreamrl sweep dream --family bus --over learning_rate=1e-4,3e-4 --over cost=0.01,0.1
  dreamrl sweep dream rl2 --family bus map --over trials=32,64 --seeds 5 --workers 4
  dreamrl sweep dream --family bus --over learning_rate=1e-5..1e-2:log --random 20
  dreamrl sweep dream --family bus --over learning_rate=1e-5..1e-2:log --optuna 30 --workers 4
  dreamrl sweep dream --family bus --over z=8,16 --out /shared/z --workers 0
  dreamrl sweep dream --family bus --over z=8,16 --out /shared/z --ray auto --cores 2
"""


@dataclasses.dataclass(frozen=True)
class Options(Crew):
    """Train agents with many settings, and write a table with the best first.

    AGENT is a method, with settings or without, as in dreamrl compare. Each combination of what
    --over lists is a cell, whose seeds are trained in one program. Cells are divided among
    workers, of which more may come from anywhere: dreamrl work DIR. Stopped at any time, the same
    command goes on where it was, and tries again what has failed.
    """

    agent: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="AGENT...")]
    """Methods, with settings or without."""
    family: tuple[str, ...] = ()
    """One or more names that dreamrl families lists; needed."""
    over: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """SETTING=VALUE,VALUE,... or, to draw from, SETTING=LOW..HIGH or SETTING=LOW..HIGH:log; once
    for each setting."""
    random: int | None = None
    """Draw so many combinations at random, the same for each agent and family, in place of all."""
    optuna: int | None = None
    """Have Optuna propose so many combinations for each agent on each family, by what the earlier
    ones came to."""
    sampler: Literal["tpe", "cmaes", "gp"] = "tpe"
    """Optuna's way to propose."""
    draw: int = 0
    """Another number draws, or proposes, other combinations."""
    by: Literal["train", "validation"] = "train"
    """Problems by whose return cells are ranked, and proposed: those of training, or unseen ones
    that the returns shown are not of."""
    seeds: int = 3
    """Seeds of each cell, from 0 up."""
    budget: int | None = None
    """Environment steps of each seed, as in dreamrl compare; if not given, each cell takes the
    iterations that its settings name."""
    trials: int = 2000
    """Trials that measure each trained agent, on unseen and on training problems."""
    out: Path = Path("runs/sweep")
    """Directory of plan, table, results and runs."""
    json: bool = False
    """Print the result as one JSON object; progress goes to the error output."""


def run(options: Options) -> int:
    """Sweep; return the exit code."""
    if not options.agent:
        raise UserError("AGENT missing: agents come first, as in dream --family bus")
    if not options.family:
        raise UserError("--family is missing, as in --family bus: dreamrl families lists them")
    if not options.over:
        raise UserError("--over is missing, as in --over learning_rate=1e-4,3e-4")
    if options.random is not None and options.optuna is not None:
        raise UserError("--random and --optuna are two ways to draw: give one")
    check_number("seeds", options.seeds, 1, 10_000)
    check_number("trials", options.trials, 2, TRIALS)
    check_number("random", options.random, 1, 10**6)
    check_number("optuna", options.optuna, 1, 10**6)
    check_seed(options.draw)
    settle(options)
    plan = _plan(options)
    check_out(options.out, options)
    plans.begin(_resume_plan(plan))
    return finish(options.out, options, options.family, options.json)


def _plan(options: Options) -> Plan:
    """Return the plan of a sweep, of which everything has been checked that can be."""
    over = axes(options.over)
    if options.optuna is not None:
        proposals.check(options.sampler)
        # What Optuna may propose is checked by a draw of it; nothing of that is trained.
        _cells(options, drawn(over, 8, options.draw))
        plan_cells: list[Cell] = []
    elif options.random is not None:
        plan_cells = _cells(options, drawn(over, options.random, options.draw))
    else:
        plan_cells = _cells(options, grid(over))
    names = ("agent", "family", "over", "seeds", "budget", "trials", "by")
    question: dict[str, Any] = {name: getattr(options, name) for name in names}
    question |= {name: list(value) for name, value in question.items() if isinstance(value, tuple)}
    ways = ("random", "draw") if options.optuna is None else ("optuna", "sampler", "draw")
    question |= {name: getattr(options, name) for name in ways}
    command = command_line("dreamrl", *sys.argv[1:])
    return Plan(options.out, "sweep", question, command, tuple(plan_cells))


def _cells(options: Options, combinations: list[dict[str, str]]) -> list[Cell]:
    names = [named(agent, choice) for agent in options.agent for choice in combinations]
    return cells(names, options.family, options.seeds, options.budget, options.trials)


def _resume_plan(plan: Plan) -> Plan:
    """Return the plan with what was proposed in its directory before; UserError for another's."""
    if not (plan.directory / PLAN).exists():
        return plan
    stored = plans.read(plan.directory)
    if not (stored.drawn or plan.asked.get("optuna")):
        return plan
    for name, value in stored.asked.items():
        if name != "optuna" and plan.asked.get(name) != value:
            raise UserError(
                f"{plan.directory} holds a sweep by Optuna with another {name}: choose another "
                "--out, or ask as before"
            )
    return dataclasses.replace(plan, cells=stored.cells, drawn=stored.drawn)
