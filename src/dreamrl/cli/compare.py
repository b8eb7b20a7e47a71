"""`dreamrl compare AGENT... --family F...`: agents beside one another, trained where need be."""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import tyro

from dreamrl.cli.values import TRIALS, check_number, command_line
from dreamrl.cli.workers import Crew, check_out, finish, settle
from dreamrl.comparison.spec import cells
from dreamrl.comparison.table import base_of
from dreamrl.errors import UserError
from dreamrl.sweeps import plan as plans
from dreamrl.sweeps.plan import Plan

EXAMPLES = """\
  dreamrl compare dream rl2 --family bus --seeds 3
  dreamrl compare dream dream:bottleneck=none dream:cost=0,z=16 --family distracting-bus
  dreamrl compare dream rl2 varibad --family bus map --seeds 5 --budget 10000000 --out runs/all
  dreamrl compare dream rl2 --family bus map --workers 4
"""


@dataclasses.dataclass(frozen=True)
class Options(Crew):
    """Compare agents: train what is missing, measure; write a table, curves and a report.

    AGENT is a method, as dream, or a method with settings that differ from its preset's:
    AGENT:SETTING=VALUE,SETTING=VALUE, as dream:bottleneck=none. preset=NAME chooses another
    preset. Stopped at any time, the same command goes on where it was; runs in --out that are
    finished and have the same agent, family, settings and seed are used again. Each agent on each
    family is a cell; cells are divided among workers, of which more may come from anywhere:
    dreamrl work DIR.
    """

    agent: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="AGENT...")]
    """Methods to compare, with settings or without."""
    family: tuple[str, ...] = ()
    """One or more names that dreamrl families lists; needed."""
    seeds: int = 3
    """Seeds of each agent on each family, from 0 up, trained in one program."""
    budget: int | None = None
    """Environment steps of each seed, counted as trials x horizon x (1 + episodes) an iteration.
    If not given, all get what DREAM's preset takes on that family (without DREAM, that of the agent
    named first); iterations=N after an agent's name says otherwise."""
    trials: int = 2000
    """Trials that measure each trained agent, on unseen and on training problems."""
    out: Path = Path("runs/compare")
    """Directory of table, figures, results and runs."""
    json: bool = False
    """Print the result as one JSON object; progress goes to the error output."""


def run(options: Options) -> int:
    """Compare; return the exit code."""
    if not options.agent:
        raise UserError("AGENT missing: agents come first, as in dream rl2 --family bus")
    if not options.family:
        raise UserError("--family is missing, as in --family bus: dreamrl families lists them")
    check_number("seeds", options.seeds, 1, 10_000)
    check_number("trials", options.trials, 2, TRIALS)
    base = base_of(options.agent)
    settle(options)
    terms = (options.seeds, options.budget, options.trials, base)
    table = cells(options.agent, options.family, *terms)
    check_out(options.out, options)
    command = command_line("dreamrl", *sys.argv[1:])
    plans.begin(Plan(options.out, "compare", {"base": base}, command, tuple(table)))
    return finish(options.out, options, options.family, options.json)
