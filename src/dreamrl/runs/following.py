"""A run that several processes train: the first writes it, and the others follow."""

from pathlib import Path

from dreamrl import processes
from dreamrl.devices import ALL, Devices
from dreamrl.errors import UserError
from dreamrl.host import own_switches
from dreamrl.listener import SILENT, Listener
from dreamrl.runs.manifest import MANIFEST, entry, seeds_of
from dreamrl.runs.run import Run, asked_for
from dreamrl.runs.terms import Terms
from dreamrl.training import train


def lead(finished: bool) -> None:
    """Tell the other processes, if there are any, that the run is open, or finished already."""
    if processes.several():
        processes.of_first(finished)


def follow(
    out: Path,
    until: int | None = None,
    listener: Listener = SILENT,
    devices: Devices = ALL,
) -> bool:
    """Train a run that the first process has opened; return whether it is finished.

    It is read once, for what is to be trained, and nothing is written.
    """
    if processes.of_first(None):
        return True
    if not (out / MANIFEST).is_file():
        raise UserError(f"{out} is not to be seen by this process: all must share its directory")
    manifest, where = Run(out).manifest, out / MANIFEST
    terms = Terms.read(entry(manifest, "terms", dict, where))
    until = terms.until if until is None else until
    with own_switches():
        _, algorithm = asked_for(manifest, where)
        training = train(
            algorithm,
            seeds_of(manifest, where),
            terms.plan,
            listener,
            until=until,
            devices=devices,
        )
    return training.finished
