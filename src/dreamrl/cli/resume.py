"""`dreamrl resume RUN`: goes on with a training that was stopped, as if it had never been."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from dreamrl import runs
from dreamrl.cli.training import Machines, train_run
from dreamrl.cli.values import check_number
from dreamrl.devices import check_devices

EXAMPLES = """\
  dreamrl resume runs/dream-distracting-bus-s0
  dreamrl resume runs/dream-distracting-bus-s0 --until 20000000
"""


@dataclasses.dataclass(frozen=True)
class Options(Machines):
    """Go on with a training from its last checkpoint, with all that was asked for at its start.

    On the same machine and with the same packages, agent and metrics are at its end those of a
    training that was never stopped, bit for bit; only times differ. On a GPU that needs
    --deterministic, here and in dreamrl train.
    """

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Directory that dreamrl train wrote; of several seeds, the one above them."""
    until: int | None = None
    """Go on until each seed has taken so many environment steps; it extends a finished run."""
    family: str | None = None
    """Of a run on a family of your own: its place, as in dreamrl train. Its code is run."""
    json: bool = False
    """Print the result as one JSON object; progress goes to the error output."""


def run(options: Options) -> int:
    """Train; return the exit code."""
    check_number("until", options.until, 1, 2**62)
    devices = check_devices(options.devices, options.devices_per_seed)
    runs.tell_family(options.run, options.family)
    return train_run(options.run, options.until, devices, options.json)
