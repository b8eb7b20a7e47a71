"""One agent on one family: the request, the results that exist, and new ones.

A cell's result is a small JSON object, which is all that tables and figures need:

    agent, family, settings, trials    what was asked for; `name` is how
    held_out                           whether the family has problems that are never trained on
    references                         {name: return} of the family; what has no value is left out
    seeds                              one object a seed: `unseen` and `train` with the mean
                                       return and exploration length over the trials, and what
                                       else the family counts; `steps`; the learning `curve`
    failed                             seeds that diverged, if there are any
    trainings                          one object a program: seeds, date, versions, wall and
                                       compile seconds, environment steps a second
    command                            what wrote it
"""

import hashlib
import json
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped

from dreamrl import families
from dreamrl.agents import registry
from dreamrl.comparison.contender import contender
from dreamrl.configuration import changed, paths_of, to_dict
from dreamrl.errors import UserError
from dreamrl.evaluation import evaluate
from dreamrl.families.family import Family, holds_out, plain_ids
from dreamrl.families.splits import unseen_ids, validation_ids
from dreamrl.files import write
from dreamrl.listener import Record
from dreamrl.runs import Run
from dreamrl.runs.migration import stored_settings
from dreamrl.runs.store import read_json
from dreamrl.runs.terms import Terms
from dreamrl.values import Whole, whole

Result = dict[str, Any]
Key = tuple[str, str]
"""Of a cell: agent as it is asked for, and family."""
LONGEST = 80
"""Letters of a name that become part of a file's."""
POINTS = 40
"""Points of a learning curve, at most."""
DIGITS = 6
"""Returns are rounded, so that those which differ by rounding errors alone count as equal."""


class Cell(NamedTuple):
    """One agent on one family, to be trained and measured."""

    name: str
    """The agent as it is asked for: `dream:cost=0`."""
    agent: str
    family: str
    settings: Any
    seeds: tuple[int, ...]
    trials: int
    """Trials on unseen problems, and as many on training problems."""

    @property
    def key(self) -> Key:
        """The key that tells it from the other cells of a comparison or a sweep."""
        return self.name, self.family

    @property
    def wanted(self) -> dict[str, Any]:
        """The entries that a result must agree with, as JSON has them."""
        return {"agent": self.agent, "family": self.family, "settings": to_dict(self.settings)}

    @property
    def slug(self) -> str:
        """The name, fit for a file."""
        return _slug(self.name)

    @property
    def budget(self) -> int:
        """Environment steps of one seed, if no episode ends before the horizon."""
        return self.settings.budget.iterations * self.settings.budget.steps(
            families.make(self.family)
        )

    @property
    def terms(self) -> Terms:
        """Chunks so short that the learning curve has its points."""
        chunk = min(25, max(1, self.settings.budget.iterations // POINTS))
        return Terms(chunk, max(1, self.settings.budget.iterations // (chunk * POINTS)))

    def file(self, folder: Path) -> Path:
        return folder / _slug(self.family) / f"{self.slug}.json"

    def directory(self, folder: Path, seeds: Sequence[int]) -> Path:
        """Return where these seeds are trained: another place for other settings."""
        content = json.dumps([self.wanted, list(seeds)]).encode()
        return (
            folder / f"{self.slug}-{_slug(self.family)}-{hashlib.sha256(content).hexdigest()[:8]}"
        )


def _slug(name: str) -> str:
    slug = re.sub(r"[^\w.-]+", "-", name)
    if len(slug) <= LONGEST:
        return slug
    # File systems take 255 letters, and another ending must make another file.
    return f"{slug[:LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def cells(
    names: Sequence[str] | Shaped[np.ndarray, " names"],
    family_names: Sequence[str] | Shaped[np.ndarray, " families"],
    seeds: Whole,
    budget: Whole | None = None,
    trials: Whole = 2000,
    base: str | None = None,
) -> list[Cell]:
    """Return all agents on all families, family by family.

    With a budget each agent gets as many iterations as fit into so many environment steps,
    counted as trials x horizon x (1 + episodes). Without one, all get what the preset of `base`
    takes on the family; but whoever asks for iterations by name, or gives no base, gets those of
    the agent's preset. Raises UserError for whatever cannot be trained.
    """
    agents, places = _texts(names), _texts(family_names)
    for kind, group in (("agent", agents), ("family", places)):
        if twice := sorted({name for name in group if group.count(name) > 1}):
            raise UserError(f"{kind} {twice[0]} is given twice")
    seeds, trials = whole("seeds", seeds, 1), whole("trials", trials, 2)
    budget = None if budget is None else whole("budget", budget, 1)
    grid = []
    for family_name in places:
        family = families.make(family_name)
        shared = budget
        if shared is None and base is not None:
            preset = contender(base).settings(family_name)
            shared = preset.budget.iterations * preset.budget.steps(family)
        for name in agents:
            request = contender(name)
            settings = request.settings(family_name)
            if shared is not None and (budget is not None or not request.sets("iterations")):
                settings = _fit_to_budget(shared, settings, family, name)
            try:
                registry.make_trainer(request.agent, family, settings, seeds)
            except UserError as error:
                raise UserError(f"{name} on {family_name}: {error}") from None
            grid.append(
                Cell(name, request.agent, family_name, settings, tuple(range(seeds)), trials)
            )
    return grid


def _texts(names: Sequence[str] | Shaped[np.ndarray, " names"]) -> tuple[str, ...]:
    return tuple(map(str, names))


def held(cell: Cell, folder: Path) -> Result | None:
    """Return the result in a folder that has the cell's name, whatever its settings."""
    path = cell.file(folder)
    return read_json(path) if path.exists() else None


def difference(cell: Cell, result: Result) -> str:
    """Return in what a result is not the cell's, in words; nothing if it is."""
    criteria = {**cell.wanted, "trials": cell.trials}
    pairs = {name: (result.get(name), value) for name, value in criteria.items()}
    del pairs["settings"]
    result_paths, cell_paths = _paths(cell, result.get("settings")), paths_of(cell.settings)
    for name in sorted({*result_paths, *cell_paths}):
        pairs[name] = (result_paths.get(name), cell_paths.get(name))
    odd = [f"{name} is {actual!r}, not {expected!r}" for name, (actual, expected) in pairs.items()]
    return next((words for words, (a, b) in zip(odd, pairs.values(), strict=True) if a != b), "")


def missing(cell: Cell, result: Result | None) -> tuple[int, ...]:
    """Return the seeds that a result lacks; those that have failed are no more to come."""
    seeds = set() if result is None else {seed["seed"] for seed in result["seeds"]}
    seeds |= set() if result is None else set(result.get("failed", ()))
    return tuple(seed for seed in cell.seeds if seed not in seeds)


def finished_runs(cell: Cell, folder: Path) -> dict[int, Run]:
    """Return {seed: run} of those under a folder that were trained to the end as the cell wants."""
    runs = {}
    for path in sorted(folder.rglob("run.json")):
        try:
            manifest, whole = read_json(path), read_json(_program(path.parent) / "run.json")
        except UserError:
            continue
        same = all(manifest.get(name) == getattr(cell, name) for name in ("agent", "family"))
        same = same and _paths(cell, manifest.get("settings")) == paths_of(cell.settings)
        longer = manifest.get("terms", {}).get("until") is not None
        both = {manifest.get("status"), whole.get("status")}
        finished = both == {"finished"} and not longer
        if same and finished and manifest.get("seed") in cell.seeds:
            runs[manifest["seed"]] = Run(path.parent)
    return runs


def measure(
    cell: Cell,
    runs: Mapping[int, Run],
    stored: Result | None,
    references: Mapping[str, float],
    command: str,
) -> Result:
    """Return the result of trained seeds, beside those that were measured before."""
    stored = stored or {"seeds": [], "trainings": []}
    programs: dict[Path, list[Run]] = {}
    for run in runs.values():
        programs.setdefault(_program(run.path), []).append(run)
    seeds = [*stored["seeds"], *(_seed(cell, run) for run in runs.values())]
    return {
        "format": 1,
        "name": cell.name,
        **cell.wanted,
        "trials": cell.trials,
        "held_out": holds_out(families.make(cell.family)),
        "references": dict(references),
        "command": command,
        "trainings": [*stored["trainings"], *(_training(*pair) for pair in programs.items())],
        "seeds": sorted(seeds, key=lambda seed: seed["seed"]),
    }


def held_out(results: Sequence[Result]) -> bool:
    """Return whether any result tells of unseen problems; where none does, there are none.

    Results of before do not say: there, both kinds returned the same all along.
    """
    return any(r["held_out"] if "held_out" in r else _differ(r) for r in results)


def _differ(result: Result) -> bool:
    curves = [seed["curve"] for seed in result["seeds"]]
    return any(curve["return_unseen"] != curve["return_train"] for curve in curves)


def save(cell: Cell, folder: Path, result: Result) -> None:
    """Write a result, with each list of numbers on one line."""
    path = cell.file(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1, allow_nan=False)
    text = re.sub(r"\[\s+([^][{}]*?)\s+\]", lambda match: f"[{' '.join(match[1].split())}]", text)
    write(path, f"{text}\n".encode())


def of_seeds(cell: Cell, result: Result) -> Result:
    """Return the result without seeds that are not asked for."""
    seeds = [seed for seed in result["seeds"] if seed["seed"] in cell.seeds]
    failed = [seed for seed in result.get("failed", ()) if seed in cell.seeds]
    rest = {name: value for name, value in result.items() if name != "failed"}
    return {**rest, "seeds": seeds, **({"failed": failed} if failed else {})}


def _paths(cell: Cell, settings: dict[str, Any] | None) -> dict[str, Any]:
    """Return held settings by path; one that is missing there had its present default then."""
    try:
        return paths_of(stored_settings(cell.agent, settings or {}))
    except UserError:
        return {}


def _fit_to_budget(budget: int, settings: Any, family: Family, name: str) -> Any:
    each = settings.budget.steps(family)
    if budget < each:
        raise UserError(
            f"{name} on {family.name}: a budget of {budget:,} steps is less than one iteration, "
            f"which takes {each:,}"
        )
    return changed(settings, {"budget.iterations": budget // each})


def _program(path: Path) -> Path:
    """Return the directory of the training that a seed's run is part of."""
    parent = path.parent
    return parent if path.name.startswith("seed-") and (parent / "run.json").exists() else path


def _seed(cell: Cell, run: Run) -> dict[str, Any]:
    loaded = run.load()
    family = loaded.family

    def measurements(ids: Sequence[int]) -> dict[str, float]:
        evaluation = evaluate(family, loaded.agent, ids, cell.trials)
        numbers = {
            "return": evaluation.return_mean,
            "exploration_length": evaluation.exploration_length_mean,
            **evaluation.statistics,
        }
        return {name: round(value, DIGITS) for name, value in numbers.items()}

    report_ids, choice_ids = unseen_ids(family), validation_ids(family)
    unseen, records = measurements(report_ids), run.records
    held_out = plain_ids(family.test_ids) != plain_ids(family.train_ids)
    return {
        "seed": run.manifest["seed"],
        "unseen": unseen,
        "validation": measurements(choice_ids) if choice_ids != report_ids else unseen,
        "train": measurements(family.train_ids) if held_out else unseen,
        "steps": records[-1]["steps"],
        "curve": _curve(records),
    }


def _curve(records: Sequence[Record]) -> dict[str, list[int | float]]:
    points = [record for record in records if "return_unseen" in record]
    indices = np.unique(np.linspace(0, len(points) - 1, POINTS).round().astype(int))
    return {
        "steps": [points[i]["steps"] for i in indices],
        "return_unseen": [round(points[i]["return_unseen"], 4) for i in indices],
        "return_train": [round(points[i]["return_train"], 4) for i in indices],
    }


def _training(program: Path, runs: Sequence[Run]) -> dict[str, Any]:
    manifest = read_json(program / "run.json")
    rates = [record["steps_per_second"] for run in runs for record in run.records]
    seeds = manifest.get("seeds", [manifest.get("seed")])
    return {
        "seeds": seeds,
        "date": manifest["started"],
        "versions": manifest["versions"],
        "wall_seconds": round(manifest["wall_seconds"], 1),
        "compile_seconds": round(manifest["compile_seconds"], 1),
        # Of the median chunk, all seeds of the program together.
        "steps_per_second": round(statistics.median(rates) * len(seeds)),
    }
