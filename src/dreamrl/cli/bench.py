"""`dreamrl bench env|train`: steps a second, on this machine."""

import dataclasses
from typing import Annotated, Literal

import tyro

from dreamrl import bench, families
from dreamrl.cli.values import print_json, print_rows

EXAMPLES = """\
  dreamrl bench env
  dreamrl bench train --family bus --json
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """Measure steps a second: of environments alone, or of training with all its updates."""

    what: Annotated[tyro.conf.Positional[Literal["env", "train"]], tyro.conf.arg(metavar="WHAT")]
    """env: random actions, no agent. train: DREAM, compile time apart, cold and cached."""
    family: str = "distracting-bus"
    """A name that dreamrl families lists, or one of your own, as in dreamrl train."""
    json: bool = False
    """Print one JSON object instead."""


def run(options: Options) -> None:
    families.check_name(options.family)
    measure = bench.env_speed if options.what == "env" else bench.train_speed
    result = measure(options.family)
    if options.json:
        print_json(result)
        return
    rows = [(name.replace("_", " "), value) for name, value in result.items()]
    print_rows([(n, f"{v:,.1f}" if isinstance(v, float) else str(v)) for n, v in rows])
