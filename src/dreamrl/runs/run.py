"""A run's directory: what was asked for, how it goes, and the agent that comes of it.

    run.json            agent, family, seed, settings, terms, versions, status, the result
    metrics.jsonl       one line a chunk of iterations
    agent.safetensors   the agent's parameters, with agent.json, once the training has stopped
    figures/
    checkpoints/        all that is needed to go on with the training, see checkpoint.py
    tables/             copies of the tables that a diagnosis was read from
    lock                held by the process that trains

Several seeds are several runs, in seed-0, seed-1, ..., under one run.json that names them. They
are trained together, so checkpoints and lock are beside that one, and the other files in theirs.
"""

import dataclasses
import datetime
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
from jaxtyping import Array, Int, PyTree

from dreamrl import families
from dreamrl.agents import registry
from dreamrl.agents.algorithm import Agent
from dreamrl.agents.loop import Trainable
from dreamrl.configuration import to_dict
from dreamrl.errors import UserError, quoted
from dreamrl.families.family import Family
from dreamrl.files import writing
from dreamrl.host import in_own_switches
from dreamrl.listener import Record
from dreamrl.runs import metrics
from dreamrl.runs.latest import newest
from dreamrl.runs.lock import LOCK, lock
from dreamrl.runs.manifest import MANIFEST, entry, identity, named, program, seeds_of, versions
from dreamrl.runs.migration import stored_settings
from dreamrl.runs.store import (
    CHECKSUM,
    load_tree,
    read_json,
    save_tree,
    write_json,
)
from dreamrl.runs.tables import TABLES, changed, keep, kept
from dreamrl.runs.terms import DEFAULT_TERMS, Terms
from dreamrl.testing import check_family
from dreamrl.values import AnyPath, Wholes, seeds_from

AGENT = "agent"
ENDS = (
    "finished",
    "iteration",
    "steps",
    "wall_seconds",
    "compile_seconds",
    "error",
    "failed",
    "result",
)
"""Entries of the manifest that are there once a training has stopped."""


class Loaded(NamedTuple):
    """A run brought back to life."""

    family: Family
    algorithm: Trainable
    state: PyTree
    """A training state of which only the parameters are there."""
    agent: Agent


@dataclasses.dataclass(frozen=True, init=False)
class Run:
    """One seed's directory."""

    path: Path

    def __init__(self, path: AnyPath):
        object.__setattr__(self, "path", Path(path))

    @property
    def manifest(self) -> dict[str, Any]:
        content = read_json(self.path / MANIFEST)
        # The versions that wrote no terms wrote no checksum either.
        if "terms" in content and CHECKSUM not in content:
            raise UserError(f"{self.path / MANIFEST} is damaged: it has no checksum")
        return content

    def update(self, **entries: Any) -> None:
        """Put entries into the manifest, beside or in place of those that are there."""
        write_json(self.path / MANIFEST, {**self.manifest, **entries})

    def close(self, status: str, **entries: Any) -> None:
        """Mark the run as `finished`, `interrupted` or `failed`."""
        self.update(status=status, finished=_now(), **entries)

    @property
    def metrics_file(self) -> Path:
        return self.path / metrics.METRICS

    def log(self, record: Record) -> None:
        """Add a line to the metrics; what is not a finite number is left out."""
        metrics.add(self.metrics_file, record)

    @property
    def records(self) -> list[Record]:
        return metrics.records(self.metrics_file)

    @property
    def figures(self) -> Path:
        """The directory of figures, made if it is not there."""
        path = self.path / "figures"
        path.mkdir(exist_ok=True)
        return path

    def save(self, state: PyTree, **more: Any) -> None:
        """Keep the parameters of one seed's training state, with the entries in `more`."""
        owner = identity(self.manifest, self.path / MANIFEST)
        save_tree(self.path / AGENT, _parameters(state), of=owner, **more)

    @property
    def best(self) -> dict[str, Any] | None:
        """Return iteration and return of the best agent, where that is the one that is kept."""
        agent_file = self.path / f"{AGENT}.json"
        return read_json(agent_file).get("best") if agent_file.exists() else None

    @in_own_switches
    def load(self) -> Loaded:
        """Return the agent that was kept; of a training that has not ended, its newest one.

        That one is of the newest checkpoint, and a line on stderr says so.
        """
        manifest, where = self.manifest, self.path / MANIFEST
        family, algorithm = asked_for(manifest, where)
        if manifest.get("status") == "failed" and "iteration" in manifest:
            _tell(f"{self.path} failed: {manifest.get('error')}")
        state = self._newest(manifest, algorithm)
        if state is None:
            agent_file = self.path / f"{AGENT}.json"
            owner = identity(manifest, where)
            if read_json(agent_file).get("of", owner) != owner:
                raise UserError(f"{agent_file} is of another run than {where.name} beside it")
            shapes = eqx.filter_eval_shape(algorithm.init, jax.random.key(0))
            parameters = load_tree(self.path / AGENT, _parameters(shapes))
            state = _with_parameters(shapes, parameters)
        return Loaded(family, algorithm, state, algorithm.agent(state))

    def _newest(self, manifest: dict[str, Any], algorithm: Trainable) -> PyTree | None:
        """Return the state of the newest checkpoint, where the agent that was kept is older."""
        agent_file = self.path / f"{AGENT}.json"
        has_ended = manifest.get("status") != "running" and "iteration" in manifest
        if agent_file.exists() and (has_ended or self.best is not None):
            return None
        training = newest(self.path, algorithm)
        if training is None:
            if agent_file.exists():
                return None
            raise UserError(
                f"{self.path} holds no agent yet, as there is no checkpoint: wait for the first, "
                f"or, if nobody trains it, dreamrl resume {quoted(program(self.path))}"
            )
        total = algorithm.settings.budget.iterations
        _tell(
            f"{self.path} has not ended: the agent is that of its newest checkpoint, "
            f"iteration {training.iteration} of {total}"
        )
        return of_seed(training.state, 0)


@in_own_switches
def create(
    out: AnyPath,
    agent: str,
    family: str,
    settings: Any,
    seeds: Wholes,
    terms: Terms = DEFAULT_TERMS,
    before: Callable[[dict[str, Any]], None] = lambda manifest: None,
    tables: Path | None = None,
    **more: Any,
) -> list[Run]:
    """Create runs, one a seed, or refuse before anything is written.

    `before` is called with the manifest before that is written, and `more` goes into it. `tables`
    is a folder in place of that which the family's name says.
    """
    out, seeds = Path(out), seeds_from(seeds)
    terms.check()
    instance = families.make(family) if tables is None else families.of_run(family, tables)
    if families.is_own(family):
        check_family(instance)
    registry.make_trainer(agent, instance, settings, len(seeds))
    _check_vacant(out)
    manifest = {
        "format": 1,
        "agent": agent,
        "family": family,
        "settings": to_dict(settings),
        "terms": dataclasses.asdict(terms),
        "versions": versions(),
        "started": _now(),
        **named(seeds),
        **more,
    }
    _check_told(manifest)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    with lock(out):
        # Another process may have been here since.
        _check_vacant(out)
        keep(tables or families.folder_of(family), out)
        before(manifest)
        return begin(out, manifest)


def runs_of(out: Path, seeds: Sequence[int]) -> list[Run]:
    """Return each seed's run of a training in a directory."""
    return [Run(out)] if len(seeds) == 1 else [Run(out / f"seed-{seed}") for seed in seeds]


def settings_of(path: Path, agent: str) -> Any:
    """Return the settings of a run of that agent; UserError where it is none."""
    [first, *_] = find(path)
    manifest, where = first.manifest, first.path / MANIFEST
    if (other := entry(manifest, "agent", str, where)) != agent:
        raise UserError(f"{path} is of another agent, {other!r}")
    return _settings(agent, entry(manifest, "settings", dict, where), where)


def begin(out: Path, manifest: dict[str, Any]) -> list[Run]:
    """Mark a run as running, each of its seeds too, and forget what an earlier end left."""
    entries = {name: manifest[name] for name in manifest if name not in ENDS}
    common = {**entries, "status": "running"}
    write_json(out / MANIFEST, common)
    if "seeds" not in common:
        return [Run(out)]
    seeds = common.pop("seeds")
    # The manifest above names them: where a process died right here, they are made next time.
    for seed in seeds:
        with writing(out):
            (out / f"seed-{seed}").mkdir(exist_ok=True)
        write_json(out / f"seed-{seed}" / MANIFEST, {**common, "seed": seed})
    return runs_of(out, seeds)


def _check_told(manifest: dict[str, Any]) -> None:
    try:
        json.dumps(manifest, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UserError(f"settings and terms must fit into JSON: {error}") from None


def _check_vacant(out: Path) -> None:
    if (out / MANIFEST).exists():
        raise UserError(
            f"{out} already holds a run: dreamrl resume goes on with it; "
            "else choose another --out, or remove it"
        )
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: --out must be a directory")
    # What a process leaves that dies before the run begins.
    prefixes = (LOCK, f".{MANIFEST}-", TABLES)
    if out.is_dir() and any(not path.name.startswith(prefixes) for path in out.iterdir()):
        raise UserError(f"{out} holds other files: --out must be new or empty")


def find(path: AnyPath) -> list[Run]:
    """Return the run that a path is, or the runs of several seeds that it holds."""
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path} does not exist: give the directory that dreamrl train wrote")
    if not (path / MANIFEST).is_file():
        raise UserError(f"{path} is not a run: it has no {MANIFEST}")
    manifest = read_json(path / MANIFEST)
    seeds = seeds_of(manifest, path / MANIFEST)
    if "seeds" not in manifest:
        return [Run(path)]
    return [run for seed in seeds for run in find(path / f"seed-{seed}")]


def only(path: AnyPath) -> Run:
    """Return the run that a path is, where several seeds will not do."""
    runs = find(path)
    if len(runs) > 1:
        raise UserError(f"{path} holds {len(runs)} runs: give one of them, as {runs[0].path}")
    return runs[0]


def tell_family(path: AnyPath, family: Family | str | None) -> None:
    """Say what the family is that a run names, where a user brought it.

    By its name it is imported, which runs its code. Raises UserError where it cannot be, and where
    a run needs nobody to say it.
    """
    where = Path(path) / MANIFEST
    if family is None or not where.is_file():
        return
    name = entry(read_json(where), "family", str, where)
    if not families.is_own(name):
        raise UserError(f"{path} is of the built-in family {name!r}: leave out the family")
    families.register_user_family(
        name, families.make(family) if isinstance(family, str) else family
    )


def asked_for(manifest: dict[str, Any], where: Path) -> tuple[Family, Trainable]:
    """Return the family and the algorithm of a manifest; raise UserError where it does not fit."""
    name, directory = entry(manifest, "family", str, where), program(where.parent)
    family = families.of_run(name, kept(directory))
    if (folder := changed(name, directory)) is not None:
        _tell(f"{folder} has changed since the training of {directory}, which goes by its own copy")
    agent = entry(manifest, "agent", str, where)
    settings = _settings(agent, entry(manifest, "settings", dict, where), where)
    algorithm = registry.make_trainer(agent, family, settings)
    return algorithm.family, algorithm


@jax.jit
def of_seed(states: PyTree, index: int | Int[Array, ""]) -> PyTree:
    """Return one seed's training state out of those that were trained side by side."""
    return jax.tree.map(lambda x: x[index], states)


def _parameters(state: PyTree) -> PyTree:
    return eqx.filter(getattr(state, "params", state), _is_arraylike)


def _with_parameters(state: PyTree, parameters: PyTree) -> PyTree:
    if not hasattr(state, "params"):
        return eqx.combine(parameters, state)
    return eqx.tree_at(lambda s: s.params, state, eqx.combine(parameters, state.params))


def _is_arraylike(leaf: Any) -> bool:
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def _settings(agent: str, entries: dict[str, Any], where: Path) -> Any:
    """Return the settings that a run holds; those that it lacks have their default."""
    if agent not in registry.METHODS:
        raise UserError(
            f"{where}: unknown agent {agent!r}: a user-defined method is known where "
            f"dreamrl.register_method({agent!r}, ...) was called, so use its runs from that program"
        )
    try:
        return stored_settings(agent, entries)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    except TypeError as error:
        raise UserError(f"{where} holds a setting of the wrong type: {error}") from None


def _tell(line: str) -> None:
    print(f"dreamrl: {line}", file=sys.stderr)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
