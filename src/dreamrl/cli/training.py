"""Shared by `train` and `resume`: a session that is watched, and the words at its end."""

import contextlib
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
from rich.console import Console

from dreamrl import cli, families, processes, runs
from dreamrl.cli.progress import Goal, Limits, progress
from dreamrl.cli.values import command_line, describe, drawn, print_json, print_rows
from dreamrl.devices import Devices
from dreamrl.errors import UserError
from dreamrl.families.diagnosis import Diagnosis
from dreamrl.families.family import holds_out, horizon_of
from dreamrl.interruption import STOPPED, interruptible
from dreamrl.listener import Callbacks, Record
from dreamrl.runs import Run
from dreamrl.runs.checkpoint import CHECKPOINTS
from dreamrl.runs.following import follow
from dreamrl.runs.lock import UNLOCKED, locks
from dreamrl.runs.results import limits
from dreamrl.runs.session import Session, SessionResult
from dreamrl.runs.store import GENERATORS, read_json


@dataclasses.dataclass(frozen=True, kw_only=True)
class Machines:
    """The machines that train, as flags."""

    devices: int | None = None
    """Over how many devices to spread several seeds; all there are, if not given: of a CPU, each
    core is one."""
    devices_per_seed: int = 1
    """Number of them that share the trials of each seed, which changes last digits."""
    coordinator: str | None = None
    """Where several processes train together, the same command is given to each of them, with
    HOST:PORT of the first, or auto under Slurm, MPI and Kubernetes."""
    processes: int | None = None
    """With --coordinator HOST:PORT: how many they are."""
    process: int | None = None
    """And which of them this is, from 0 up; 0 writes the run, whose directory all must share."""
    deterministic: bool = False
    """Give the same agent each time on a GPU too, and more slowly; on a CPU it is so anyway. It
    must be said to train and to resume."""


def train_run(out: Path, until: int | None, devices: Devices, as_json: bool) -> int:
    """Train the run in a directory until it is finished or stopped; return the exit code.

    Where several processes train, the first one opens and writes it, and the others follow.
    """
    if not processes.first():
        return _follow(out, until, devices)
    with _random_numbers_of(out), runs.open_session(out, until) as session:
        if session is None:
            _tell_finished(out, as_json)
            return 0
        with _progress_display(session, Console(stderr=as_json)) as listener:
            if not locks():
                listener.warn(UNLOCKED)
            outcome = session.run(listener, cli.BEGAN, devices)
        figure = drawn(lambda: _figure(session))
    if as_json:
        print_json({**outcome.result, "run": str(out), "status": outcome.status})
    else:
        _summary(session, figure, outcome)
    return 0 if outcome.status == "finished" else STOPPED


def _follow(out: Path, until: int | None, devices: Devices) -> int:
    label = f"process {jax.process_index()} of {jax.process_count()}"
    print(f"dreamrl: {label} trains beside the first, which writes {out}", file=sys.stderr)
    with interruptible() as stop:
        finished = follow(out, until, Callbacks(stop=stop), devices)
    return 0 if finished else STOPPED


def _random_numbers_of(out: Path) -> contextlib.AbstractContextManager[Any]:
    """Draw random numbers as the run has done so far, which is a setting of JAX's."""
    kinds: set[str] = set()
    for path in (out / CHECKPOINTS).glob("*.json"):
        with contextlib.suppress(UserError):
            arrays = read_json(path).get("arrays", {})
            kinds |= {str(array.get("dtype")) for array in arrays.values()} & GENERATORS.keys()
    if len(kinds) != 1:
        return contextlib.nullcontext()
    return jax.default_prng_impl(GENERATORS[kinds.pop()])


@contextlib.contextmanager
def _progress_display(session: Session, console: Console) -> Iterator[Callbacks]:
    """Yield a listener that shows a training, and works out references while compilers run.

    A fault in showing is passed over, and the training goes on.
    """
    family = session.family
    title = f"{session.manifest['agent']} on {family.name}"
    horizon = horizon_of(family, exploring=True)
    goal = Goal(session.algorithm.settings.budget.iterations, session.terms.until)
    values: list[Future[Limits]] = []
    with (
        ThreadPoolExecutor(1) as pool,
        progress(title, str(session.out), goal, horizon, holds_out(family), console) as view,
        interruptible(view.stopping) as stop,
    ):

        def chunk(records: Sequence[Record]) -> None:
            ready = values and values[0].done() and not values[0].exception()
            with contextlib.suppress(Exception):
                view.show(records, values[0].result() if ready else {})

        def warn(line: str) -> None:
            with contextlib.suppress(Exception):
                view.warn(line)

        yield Callbacks(chunk, stop, warn, lambda: values.append(pool.submit(limits, family)))


def _tell_finished(out: Path, as_json: bool) -> None:
    manifest = Run(out).manifest
    if as_json:
        print_json({**manifest.get("result", {}), "run": str(out), "status": "finished"})
    else:
        steps = f"{manifest['steps']:,} steps" if "steps" in manifest else "all its steps"
        failed = manifest.get("failed", ())
        lost = f", but {len(failed)} of {len(manifest['seeds'])} seeds failed" if failed else ""
        print(f"{out} is finished, after {steps}{lost}; --until STEPS would go on")


def _figure(session: Session) -> Path | None:
    records = [each.records for each in session.runs]
    histories = dict(zip(session.seeds, records, strict=True))
    if not any(histories.values()):
        return None
    from dreamrl.figures.training import draw_training

    path = Run(session.out).figures / "training.png"
    family = session.family
    return draw_training(histories, limits(family), horizon_of(family, exploring=True), path)


def _best(out: Path) -> list[str]:
    """Return the iterations of the agents that are kept, where those are the best ones."""
    iterations = [run.best["iteration"] for run in runs.find(out) if run.best]
    return [", ".join(map(str, iterations))] if iterations else []


def _summary(session: Session, figure: Path | None, outcome: SessionResult) -> None:
    out, name, family = session.out, session.manifest["family"], session.family
    training, result = outcome.training, outcome.result
    if outcome.status != "finished":
        best = ", or the best before" if _best(out) else ""
        print(f"stopped at iteration {training.iteration}; the agent is kept as it was then{best}")
    clock = f"{training.seconds:.1f} s, of which {training.compile_seconds:.1f} s compiling"
    rows = [*(describe(result) if result else ()), ("trained in", clock), ("run", str(out))]
    rows += [("best in training", f"iteration {best}") for best in _best(out)]
    print_rows(rows if figure is None else [*rows, ("figure", str(figure))])
    single = next(r.path for r in runs.find(out) if r.manifest.get("status") != "failed")
    where = ["--family", name] if families.is_own(name) else []
    print("\nnext:")
    if outcome.status != "finished":
        print(f"  {command_line('dreamrl', 'resume', out, *where)}")
    if isinstance(family, Diagnosis):
        print(f"  {command_line('dreamrl', 'diagnose', single, *where)}")
    print(f"  {command_line('dreamrl', 'trial', single, *where)}")
    split = ["--split", "train"] if result and holds_out(family) else []
    print(f"  {command_line('dreamrl', 'evaluate', out, *split, *where)}")
