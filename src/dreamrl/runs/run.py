"""A run's directory: what was asked for, how it went, and the agent that came of it.

    run.json            agent, family, seed, settings, versions, how far it got, the result
    metrics.jsonl       one line a chunk of iterations
    agent.safetensors   the agent's parameters, with agent.json
    figures/

Several seeds are several runs, in seed-0, seed-1, ..., under one run.json that names them.
"""

import dataclasses
import datetime
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
from jaxtyping import PyTree

import dreamrl.agents as agents
from dreamrl import families
from dreamrl.agents.agent import Agent, Algorithm
from dreamrl.errors import UserError
from dreamrl.families.family import Family
from dreamrl.runs.store import load_tree, read_json, save_tree, write_json
from dreamrl.train import Record
from dreamrl.version import version

MANIFEST = "run.json"
METRICS = "metrics.jsonl"
AGENT = "agent"
PACKAGES = ("dreamrl", "jax", "jaxlib", "equinox", "numpy")


class Loaded(NamedTuple):
    """A run brought back to life."""

    family: Family
    algorithm: Algorithm
    state: PyTree
    """A training state of which only the parameters are there."""
    agent: Agent


@dataclasses.dataclass(frozen=True)
class Run:
    """One seed's directory."""

    path: Path

    @property
    def manifest(self) -> dict[str, Any]:
        return read_json(self.path / MANIFEST)

    def update(self, **entries: Any) -> None:
        """Puts entries into the manifest, beside or in place of those that are there."""
        write_json(self.path / MANIFEST, {**self.manifest, **entries})

    def close(self, status: str, **entries: Any) -> None:
        """Marks the run as `finished`, `interrupted` or `failed`."""
        self.update(status=status, finished=_now(), **entries)

    def log(self, record: Record) -> None:
        """Adds a line to the metrics; what is not a finite number is left out."""
        finite = {name: value for name, value in record.items() if abs(value) < float("inf")}
        with open(self.path / METRICS, "a", encoding="utf-8") as file:
            file.write(json.dumps(finite, allow_nan=False) + "\n")

    @property
    def records(self) -> list[Record]:
        try:
            lines = (self.path / METRICS).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines]

    @property
    def figures(self) -> Path:
        """The directory of figures, made if it is not there."""
        path = self.path / "figures"
        path.mkdir(exist_ok=True)
        return path

    def save(self, state: PyTree) -> None:
        """Keeps the parameters of one seed's training state."""
        save_tree(self.path / AGENT, _parameters(state))

    def load(self) -> Loaded:
        manifest, where = self.manifest, self.path / MANIFEST
        family = families.make(_entry(manifest, "family", str, where))
        name = _entry(manifest, "agent", str, where)
        agents.settings_for(name, family.name)
        settings = _settings(name, _entry(manifest, "settings", dict, where), where)
        algorithm = agents.make_algorithm(name, family, settings)
        if not (self.path / f"{AGENT}.json").exists():
            raise UserError(f"{self.path} holds no agent: its training has not got that far")
        shapes = eqx.filter_eval_shape(algorithm.init, jax.random.key(0))
        parameters = load_tree(self.path / AGENT, _parameters(shapes))
        state = _with_parameters(shapes, parameters)
        return Loaded(family, algorithm, state, algorithm.agent(state))


def create(out: Path, agent: str, family: str, settings: Any, seeds: Sequence[int]) -> list[Run]:
    """New runs, one a seed, or a refusal before anything is written."""
    if (out / MANIFEST).exists():
        raise UserError(f"{out} already holds a run: choose another --out, or remove it")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: --out must be a directory")
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"{out} holds other files: --out must be new or empty")
    common = {
        "format": 1,
        "agent": agent,
        "family": family,
        "settings": dataclasses.asdict(settings),
        "versions": _versions(),
        "status": "running",
        "started": _now(),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        if len(seeds) == 1:
            write_json(out / MANIFEST, {**common, "seed": seeds[0]})
            return [Run(out)]
        write_json(out / MANIFEST, {**common, "seeds": list(seeds)})
        for seed in seeds:
            (out / f"seed-{seed}").mkdir()
            write_json(out / f"seed-{seed}" / MANIFEST, {**common, "seed": seed})
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}") from None
    return [Run(out / f"seed-{seed}") for seed in seeds]


def find(path: Path) -> list[Run]:
    """The run that a path is, or the runs of several seeds that it holds."""
    if not path.exists():
        raise UserError(f"{path} does not exist: give the directory that dreamrl train wrote")
    if not (path / MANIFEST).is_file():
        raise UserError(f"{path} is not a run: it has no {MANIFEST}")
    manifest = read_json(path / MANIFEST)
    if "seeds" not in manifest:
        _entry(manifest, "seed", int, path / MANIFEST)
        return [Run(path)]
    seeds = _entry(manifest, "seeds", list, path / MANIFEST)
    return [run for seed in seeds for run in find(path / f"seed-{seed}")]


def of_seed(states: PyTree, index: int) -> PyTree:
    """One seed's training state out of those that were trained side by side."""
    return jax.tree.map(lambda x: x[index], states)


def _parameters(state: PyTree) -> PyTree:
    return eqx.filter(getattr(state, "params", state), _is_arraylike)


def _with_parameters(state: PyTree, parameters: PyTree) -> PyTree:
    if not hasattr(state, "params"):
        return eqx.combine(parameters, state)
    return eqx.tree_at(lambda s: s.params, state, eqx.combine(parameters, state.params))


def _is_arraylike(leaf: Any) -> bool:
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def _settings(agent: str, held: dict[str, Any], where: Path) -> Any:
    kind = agents.method(agent).settings
    fields = {field.name for field in dataclasses.fields(kind)}
    if odd := sorted(fields ^ held.keys()):
        verb = "lacks" if odd[0] in fields else "has an unknown"
        raise UserError(f"{where} {verb} setting {odd[0]!r}: another version of dreamrl wrote it")
    try:
        return kind(**held)
    except TypeError as error:
        raise UserError(f"{where} holds a setting of the wrong type: {error}") from None


def _entry(manifest: dict[str, Any], name: str, kind: type, where: Path) -> Any:
    value = manifest.get(name)
    if not isinstance(value, kind):
        raise UserError(f"{where} is not a run's: {name!r} is {value!r}, not {kind.__name__}")
    return value


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
