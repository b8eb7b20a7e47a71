"""`dreamrl bench env|train`: steps a second, on this machine."""

import dataclasses
from typing import Annotated, Literal

import tyro

from dreamrl import bench, families
from dreamrl.cli.values import print_json, print_rows

EXAMPLES = """\
  dreamrl bench env
  dreamrl bench train --agent rl2 --family bus --json
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """Measure steps a second: of environments alone, or of training with all its updates."""

    what: Annotated[tyro.conf.Positional[Literal["env", "train"]], tyro.conf.arg(metavar="WHAT")]
    """env: random actions, no agent. train: all updates, compile time apart, cold and cached."""
    agent: str = "dream"
    """The method that trains; of no account for env."""
    family: str = "distracting-bus"
    """A name that dreamrl families lists, or one of your own, as in dreamrl train."""
    json: bool = False
    """Print one JSON object instead."""


def run(options: Options) -> None:
    families.check_name(options.family)
    if options.what == "env":
        result = bench.env_speed(options.family)
    else:
        result = bench.train_speed(options.family, options.agent)
    if options.json:
        print_json(result)
        return
    rows = [(name.replace("_", " "), value) for name, value in result.items()]
    print_rows([(n, f"{v:,.1f}" if isinstance(v, float) else str(v)) for n, v in rows])
