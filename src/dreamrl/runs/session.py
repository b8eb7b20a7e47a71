"""From asked for to finished: trains a run, from its beginning or from its last checkpoint."""

import contextlib
import dataclasses
import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from dreamrl import families
from dreamrl.agents import registry
from dreamrl.agents.loop import Trainable
from dreamrl.configuration import to_dict
from dreamrl.devices import ALL, Devices
from dreamrl.errors import UserError, process_lost, quoted, words
from dreamrl.families.family import Family
from dreamrl.files import Unwritable
from dreamrl.host import in_own_switches, own_switches
from dreamrl.interruption import at_last, stand_back
from dreamrl.listener import SILENT, Callbacks, Listener, Record
from dreamrl.runs.checkpoint import Checkpoints, Keeper
from dreamrl.runs.following import lead
from dreamrl.runs.latest import newest
from dreamrl.runs.lock import lock
from dreamrl.runs.manifest import MANIFEST, entry, identity, named, program, seeds_of, versions
from dreamrl.runs.results import evaluation, over_seeds
from dreamrl.runs.run import Run, asked_for, begin, create, of_seed, runs_of, settings_of
from dreamrl.runs.sinks import RunInfo, sinks
from dreamrl.runs.tables import check_same, kept, same_place
from dreamrl.runs.terms import DEFAULT_TERMS, Terms
from dreamrl.training import Failure, Training, TrainingDiverged, complete, seed_keys, train
from dreamrl.values import AnyPath, Whole, Wholes, seeds_from, whole

FEW = 16
"""Trials of the evaluation after a training was stopped: whoever stops it waits."""


class SessionResult(NamedTuple):
    """The end of a session."""

    training: Training
    status: str
    """`finished` or `interrupted`."""
    result: dict[str, Any]
    """The evaluation of the agent, over all seeds; empty where it could not be done."""


@dataclasses.dataclass(frozen=True)
class Session:
    """A run that this process, and no other, trains."""

    out: Path
    manifest: dict[str, Any]
    seeds: tuple[int, ...]
    family: Family
    algorithm: Trainable
    terms: Terms
    runs: list[Run]
    checkpoints: Checkpoints
    start: Training | None
    """None at the beginning."""
    notes: list[str]
    """Faults of the newest checkpoints."""

    @in_own_switches
    def run(
        self, listener: Listener = SILENT, began: float | None = None, devices: Devices = ALL
    ) -> SessionResult:
        """Train, keep the agents, evaluate them, and close the run.

        Raises TrainingDiverged, and another UserError where the disk refuses to go on; what was
        safe before is safe then. Seconds count from `began`, and `devices` are used, as in `train`.
        """
        with at_last(self._abandon):
            return self._run(listener, began, devices)

    def _run(self, listener: Listener, began: float | None, devices: Devices) -> SessionResult:
        try:
            began = time.perf_counter() if began is None else began
            training = self._train(listener, began, devices)
            self._keep(training)
            # Whatever ends the process from here on, the agents are there.
            self._close("interrupted", **_clock(training))
            return self._conclude(listener, training)
        except TrainingDiverged as error:
            last = error.training
            self._keep(last)
            self._mark(last.steps, error.failures)
            alone = last.failures or len(self.runs) == 1
            where = self.runs[error.failures[0].place].path if alone else self.out
            error.args = (f"{error}; {self._way_on(where)}",)
            if len(self.runs) > 1:
                Run(self.out).close("failed", error=str(error), **_clock(last))
            raise
        except BaseException as error:
            stand_back()
            is_stop = isinstance(error, KeyboardInterrupt) or process_lost(error)
            status = "interrupted" if is_stop else "failed"
            # Where nothing can be written, the lock tells that nobody is at work any more.
            with contextlib.suppress(UserError):
                self._close(status, error=words(error))
            if isinstance(error, Unwritable):
                way = f"training stopped; once it can, dreamrl resume {quoted(self.out)} goes on"
                raise Unwritable(f"{error}: {way}") from None
            raise

    def _conclude(self, listener: Listener, training: Training) -> SessionResult:
        """Measure the agents and close the run: training is over, and no fault here undoes it."""
        evaluations = {}
        for place in training.healthy:
            few = {"trials": FEW} if listener.stop() or not training.finished else {}
            evaluations[place] = evaluation(self.runs[place], **few)
        errors = [outcome["error"] for outcome in evaluations.values() if "error" in outcome]
        for line in errors:
            listener.warn(line)
        status = "finished" if training.finished and not listener.stop() else "interrupted"
        for place, outcome in evaluations.items():
            self.runs[place].close(status, **_clock(training), **outcome)
        whole: dict[str, Any] = {"error": errors[0]} if errors else {}
        if not errors:
            results = [outcome["result"] for outcome in evaluations.values()]
            whole = {"result": over_seeds(results, self._failed_seeds(training.failures))}
        if len(self.runs) > 1:
            Run(self.out).close(status, **_clock(training), **whole)
        return SessionResult(training, status, whole.get("result", {}))

    def _train(self, listener: Listener, began: float, devices: Devices) -> Training:
        for note in self.notes:
            listener.warn(note)
        terms = self.terms
        keeper = Keeper(self.checkpoints, terms.checkpoint_every, terms.keep, listener.warn)
        infos = [
            RunInfo(each.path, f"{self.out.name}-s{seed}", each.manifest)
            for each, seed in zip(self.runs, self.seeds, strict=True)
        ]
        with sinks(terms.sinks, infos, listener.warn) as tell:

            def chunk(records: Sequence[Record]) -> None:
                for record in records:
                    self.runs[self.seeds.index(int(record["seed"]))].log(record)
                tell(records)
                listener.chunk(records)

            def keep(training: Training) -> None:
                new = training.failures[len(failures) :]
                failures.extend(new)
                for failure in new:
                    listener.warn(f"{failure.error}; the others go on")
                self._mark(training.steps, new)
                if terms.keep_best:
                    self._keep_best(training, best)
                keeper.offer(training)

            # A process that was killed may have seen a better one than its last checkpoint.
            best = {each.path: (each.best or {}).get("return", -math.inf) for each in self.runs}
            failures = [] if self.start is None else list(self.start.failures)
            if self.start is not None:
                self._mark(self.start.steps, failures)
            try:
                training = train(
                    self.algorithm,
                    self.seeds,
                    terms.plan,
                    Callbacks(chunk, listener.stop, listener.warn, listener.compiling),
                    keep=keep,
                    began=began,
                    start=self.start,
                    until=terms.until,
                    devices=devices,
                )
            except TrainingDiverged as error:
                keeper.write(error.training)
                raise
        keeper.write(training)
        return training

    def _keep(self, training: Training) -> None:
        for i, each in enumerate(self.runs):
            if not (self.terms.keep_best and each.best):
                each.save(of_seed(training.state, i))

    def _keep_best(self, training: Training, best: dict[Path, float]) -> None:
        """Keep the agents that are better on training problems than all before."""
        for place, record in zip(training.healthy, training.records, strict=True):
            each, value = self.runs[place], record.get("return_train", -math.inf)
            if value > best[each.path]:
                best[each.path] = value
                summary = {"iteration": training.iteration, "return": value}
                each.save(of_seed(training.state, place), best=summary)

    def _close(self, status: str, **entries: Any) -> None:
        """Close the whole run, and each seed's but those that have failed."""
        for each in {run.path: run for run in [*self.runs, Run(self.out)]}.values():
            if each.manifest.get("status") != "failed":
                each.close(status, **entries)

    def _abandon(self) -> None:
        """Mark runs that nobody will go on with as interrupted, as of its last checkpoint."""
        for each in {run.path: run for run in [*self.runs, Run(self.out)]}.values():
            with contextlib.suppress(UserError):
                if each.manifest.get("status") == "running":
                    each.close("interrupted")

    def _mark(self, steps: Sequence[int], failures: Sequence[Failure]) -> None:
        """Mark the runs of seeds that have failed, and tell the whole run of them."""
        for failure in failures:
            each = self.runs[failure.place]
            ends = {"iteration": failure.iteration, "steps": steps[failure.place]}
            each.close("failed", error=f"{failure.error}; {self._way_on(each.path)}", **ends)
        if failures and len(self.runs) > 1:
            whole = Run(self.out)
            failed = {*whole.manifest.get("failed", []), *self._failed_seeds(failures)}
            whole.update(failed=sorted(failed))

    def _failed_seeds(self, failures: Sequence[Failure]) -> list[int]:
        return [self.seeds[failure.place] for failure in failures]

    def _way_on(self, path: Path) -> str:
        """Return a remedy for a run that has diverged."""
        rate = getattr(self.algorithm.settings.budget, "learning_rate", 3e-3)
        words = ["dreamrl", "train", self.manifest["agent"], self.manifest["family"]]
        words += ["--from", path, "--learning-rate", f"{rate / 3:.1g}"]
        return (
            "rewards or observations that are not finite do this, and too high a learning rate: "
            f"{' '.join(map(quoted, words))} goes on from there with a lower one"
        )


@contextlib.contextmanager
def open_session(out: AnyPath, until: Whole | None = None) -> Iterator[Session | None]:
    """Yield a run to train, from the beginning or where it was stopped; None if it is finished.

    `until` takes the place of the run's own, so that it can extend a finished run. Raises
    UserError where another process is at work, or the run cannot be gone on with.
    """
    out = Path(out)
    until = None if until is None else whole("until", until, 1)
    if not (out / MANIFEST).is_file():
        raise UserError(f"{out} is not a run: it has no {MANIFEST}")
    with lock(out), own_switches():
        manifest, where = Run(out).manifest, out / MANIFEST
        finished = manifest.get("status") == "finished"
        if finished and (until is None or entry(manifest, "steps", int, where) >= until):
            lead(finished=True)
            yield None
            return
        if "terms" not in manifest:
            raise UserError(f"{out} is of a dreamrl that kept no checkpoints: train it anew")
        terms = Terms.read(entry(manifest, "terms", dict, where))
        if until is not None:
            terms = dataclasses.replace(terms, until=until)
            terms.check()
        seeds = seeds_of(manifest, where)
        if program(out) != out:
            raise UserError(f"{out} was trained beside other seeds: resume {quoted(out.parent)}")
        family, algorithm = asked_for(manifest, where)
        runs = runs_of(out, seeds)
        files = [each.metrics_file for each in runs]
        checkpoints = Checkpoints(out, identity(manifest, where), files, versions())
        checkpoint, notes = checkpoints.newest(
            jax.eval_shape(jax.vmap(algorithm.init), seed_keys(seeds))
        )
        if checkpoint is None and manifest.get("iteration"):
            raise UserError(f"{out} has no checkpoint to go on from: train it anew")
        if checkpoint is not None and checkpoint.versions != versions():
            notes = [*notes, "other versions of packages: not bit for bit what it would have been"]
        checkpoints.rewind(checkpoint)
        begin(out, {**manifest, "terms": dataclasses.asdict(terms)})
        lead(finished=False)
        start = None if checkpoint is None else checkpoint.training
        yield Session(
            out, manifest, seeds, family, algorithm, terms, runs, checkpoints, start, notes
        )


@in_own_switches
def create_from(
    origin: Path, out: Path, agent: str, family: str, settings: Any, terms: Terms = DEFAULT_TERMS
) -> None:
    """Make a run that goes on from the newest checkpoint of another, with other settings.

    Of one of several seeds it goes on with that seed alone, and of a family that is read from the
    same folder with the tables that the other was trained on. Raises UserError where the other run
    is of another agent, or its states do not fit the settings.
    """
    settings_of(origin, agent)
    manifest, where = Run(origin).manifest, origin / MANIFEST
    seeds, tables = seeds_of(manifest, where), None
    if same_place(family, entry(manifest, "family", str, where)):
        tables = kept(program(origin))
    instance = families.make(family) if tables is None else families.of_run(family, tables)
    trainer = registry.make_trainer(agent, instance, settings, len(seeds))
    try:
        training = newest(origin, trainer)
    except UserError as error:
        raise UserError(f"{origin} does not fit these settings: {error}") from None
    if training is None:
        raise UserError(f"{origin} has no checkpoint to go on from")
    if training.failures:
        first = origin / f"seed-{seeds[training.failures[0].place]}"
        raise UserError(f"the seeds of {origin} are not equally far: give one of them, as {first}")
    iterations = trainer.settings.budget.iterations
    if complete(training, iterations, terms.until):
        raise UserError(
            f"{origin} is at iteration {training.iteration} of {iterations} already: "
            "ask for more --iterations"
        )
    training = training._replace(seconds=0.0, compile_seconds=0.0)

    def keep(entries: dict[str, Any]) -> None:
        files = [each.metrics_file for each in runs_of(out, seeds)]
        owner = identity(entries, out / MANIFEST)
        Checkpoints(out, owner, files, versions()).write(training, terms.keep)

    source = {"run": str(origin), "iteration": training.iteration}
    create(out, agent, family, settings, seeds, terms, keep, tables, origin=source)


@in_own_switches
def ensure(
    out: AnyPath,
    agent: str,
    family: str,
    settings: Any,
    seeds: Wholes,
    terms: Terms = DEFAULT_TERMS,
    listener: Listener = SILENT,
    devices: Devices = ALL,
) -> dict[str, Any]:
    """Return the result of a run that is finished afterwards, unless `listener` stopped it.

    It is empty where the agent could not be evaluated, which is not part of the training.

    Whatever its directory needs: it is trained, gone on with, or left as it is. Raises UserError
    where the directory holds another run.
    """
    out = Path(out)
    prepare(out, agent, family, settings, seeds, terms)
    with open_session(out, terms.until) as session:
        if session is None:
            return Run(out).manifest.get("result", {})
        return session.run(listener, devices=devices).result


def prepare(
    out: AnyPath,
    agent: str,
    family: str,
    settings: Any,
    seeds: Wholes,
    terms: Terms = DEFAULT_TERMS,
) -> None:
    """Make the run, or check that an existing one has the same agent, family, settings, seeds."""
    out, seeds = Path(out), seeds_from(seeds)
    if not (out / MANIFEST).exists():
        create(out, agent, family, settings, seeds, terms)
        return
    check_same(family, out)
    manifest = Run(out).manifest
    entries = {
        "agent": agent,
        "family": family,
        # As JSON has them: tuples are lists there.
        "settings": json.loads(json.dumps(to_dict(settings))),
        **named(seeds),
    }
    if other := [name for name, value in entries.items() if manifest.get(name) != value]:
        raise UserError(f"{out} holds a run of another {other[0]}: choose another directory")


def _clock(training: Training) -> dict[str, int | float]:
    return {
        "iteration": training.iteration,
        "steps": min(training.steps[place] for place in training.healthy),
        "wall_seconds": round(training.seconds, 3),
        "compile_seconds": round(training.compile_seconds, 3),
    }
