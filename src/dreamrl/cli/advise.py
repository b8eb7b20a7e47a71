"""`dreamrl advise FAMILY`: which method to try first, and why."""

import dataclasses
import textwrap
from typing import Annotated

import tyro

from dreamrl import families
from dreamrl.advice import advise
from dreamrl.cli.values import check_seed, command_line, print_json

EXAMPLES = """\
  dreamrl advise cooking
  dreamrl advise diagnosis:path=plant/
  dreamrl advise my_env.py:family --json
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """Say which method to try first on a family, from its references and some random trials."""

    family: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="FAMILY")]
    """A name that dreamrl families lists, or one of your own, as in dreamrl train."""
    seed: int = 0
    """Seed of the random trials."""
    json: bool = False
    """Print one JSON object instead."""


def run(options: Options) -> None:
    check_seed(options.seed)
    advice = advise(families.make(options.family), options.seed)
    command = command_line("dreamrl", "train", advice.method, options.family)
    if options.json:
        values = None if advice.values is None else advice.values._asdict()
        rest = {"command": command, "values": values, "probe": advice.probe._asdict()}
        print_json({**advice._asdict(), **rest})
        return
    print(f"{advice.family}: try {advice.method} first, up to {advice.steps:,} steps\n")
    for reason in advice.reasons:
        print(textwrap.fill(reason, 88, initial_indent="- ", subsequent_indent="  "))
    print(f"\n  {command}")
