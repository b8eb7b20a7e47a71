"""All that a report shows of some runs: read from their files, or played with their agents."""

import contextlib
import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dreamrl import families, runs
from dreamrl.deploy import load
from dreamrl.errors import UserError
from dreamrl.families.family import Family, horizon_of
from dreamrl.families.repeated import explored_in
from dreamrl.listener import Record
from dreamrl.report import boards
from dreamrl.report.alarms import Facts, alarms
from dreamrl.report.charts import charts
from dreamrl.report.schema import (
    Chart,
    Difference,
    FamilyView,
    Group,
    Limit,
    Report,
    Seed,
    Together,
)
from dreamrl.report.trials import choose, trials
from dreamrl.runs import Run
from dreamrl.runs.manifest import MANIFEST, entry, program, seeds_of
from dreamrl.runs.results import limits
from dreamrl.runs.run import runs_of
from dreamrl.runs.survey import state
from dreamrl.runs.tables import kept
from dreamrl.version import version

PROBLEMS = 6
"""Trials of an agent, where nobody says which."""


def collect(
    paths: Sequence[Path],
    problems: Sequence[int] = (),
    seed: int = 0,
    family: str | None = None,
    players: int | None = None,
) -> Report:
    """Return what a report of runs shows; what is wrong with a run is told in its place.

    Args:
        paths: Directories of runs, each of one seed or several.
        problems: IDs to play trials in; some of each kind if there are none.
        seed: Seed of goals, and of the problems if they are drawn.
        family: Where the runs' user-defined family is; its code is run.
        players: How many seeds of each run play trials; all if not given.

    Raises:
        UserError: If none of the runs can be read.
    """
    views: dict[str, FamilyView] = {}
    groups = []
    for path in paths:
        group = read(path, family)
        if group["message"] is None:
            _play(path, group, problems, seed, views, players)
        groups.append(group)
    if all(group["message"] for group in groups):
        raise UserError("; ".join(str(group["message"]) for group in groups))
    return {
        "format": 1,
        "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "version": version(),
        "groups": groups,
        "families": views,
        "differences": differences(groups),
        "together": together(groups),
    }


Reach = Callable[[str, Path | None], Mapping[str, Any]]
"""(a family's name in a run, the tables that the run keeps) -> what can be reached in it."""


def reach(family: str, tables: Path | None) -> Mapping[str, Any]:
    return limits(families.of_run(family, tables))


def read(
    path: Path,
    family: str | None = None,
    history: Callable[[Run], Sequence[Record]] = lambda run: run.records,
    reach: Reach = reach,
) -> Group:
    """Return a run by its files, without trials; what is wrong with it is told in its place.

    Args:
        path: Its directory, of one seed or several.
        family: Where its user-defined family is; its code is run.
        history: Returns what was measured of a seed, all of it or some.
        reach: Returns what can be reached in a family, where the run has no result to say so.
    """
    group = nothing(str(path))
    try:
        runs.tell_family(path, family)
        if not (path / MANIFEST).is_file():
            runs.find(path)  # It says why this is no run.
        file, manifest = path / MANIFEST, Run(path).manifest
        seeds = seeds_of(manifest, file)
        group["agent"] = entry(manifest, "agent", str, file)
        group["family"] = entry(manifest, "family", str, file)
        group["settings"] = flat(entry(manifest, "settings", dict, file))
        group["state"] = state(path, manifest)
        tables = kept(program(path))
    except UserError as error:
        return {**group, "message": str(error)}
    group["started"] = str(manifest.get("started", ""))
    group["versions"] = {str(k): str(v) for k, v in _dict(manifest.get("versions")).items()}
    of_seeds = dict(zip(seeds, runs_of(path, seeds), strict=True))
    histories, errors = {}, {}
    for seed, run in of_seeds.items():
        card: Seed = {
            "seed": seed,
            "message": None,
            "alternatives": "advantage" if is_q_learning(group) else "probability",
            "known": None,
            "trials": [],
        }
        group["seeds"].append(card)
        try:
            histories[seed] = history(run)
            if run.manifest.get("status") == "failed":
                errors[seed] = str(run.manifest.get("error"))
        except UserError as error:
            card["message"] = str(error)
    result = _dict(manifest.get("result"))
    exact = _exact(result, group["family"], tables, reach)
    group["limits"] = _limits(exact)
    group["result"] = _result(result)
    group["charts"] = charts(histories)
    group["progress"] = _progress(histories, group["settings"])
    group["alarms"] = alarms(_facts(histories, group, exact, tables), errors)
    return group


def nothing(name: str) -> Group:
    """Return a run of which nothing is known yet."""
    return {
        "name": name,
        "message": None,
        "agent": "",
        "family": "",
        "state": "damaged",
        "progress": "",
        "started": "",
        "result": [],
        "limits": [],
        "alarms": [],
        "charts": [],
        "settings": {},
        "versions": {},
        "seeds": [],
    }


def _play(
    path: Path,
    group: Group,
    problems: Sequence[int],
    seed: int,
    views: dict[str, FamilyView],
    players: int | None,
) -> None:
    """Let the agents of a run's seeds play, and enter what came of it."""
    family: Family | None = None
    ids: set[int] = set()
    numbers = [each["seed"] for each in group["seeds"]]
    seeds = list(zip(group["seeds"], runs_of(path, numbers), strict=True))
    for entry_, run in seeds[:players]:
        if entry_["message"] is not None:
            continue
        try:
            agent = load(run.path)
            family = agent.family
            problem_ids = problems or choose(family, PROBLEMS, seed)
            known, records = trials(
                agent,
                problem_ids,
                seed,
                q_learning=is_q_learning(group),
                draw=not views and not ids,
            )
        except UserError as error:
            entry_["message"] = str(error)
            continue
        entry_["known"], entry_["trials"] = known, records
        ids |= {*problem_ids, *(known["ids"] if known else ())}
    if family is not None:
        view = views.get(group["family"])
        if view is not None and view["board"] is not None:
            ids |= {int(problem) for problem in view["board"]["problems"]}
        views[group["family"]] = boards.view(family, sorted(ids))


def is_q_learning(group: Group) -> bool:
    """Return whether a run's agents tell by how much an action is worth more."""
    return group["settings"].get("learner.kind") == "dqn"


def flat(settings: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """Return settings as a manifest holds them, by dotted path."""
    result: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            result |= flat(value, f"{before}{name}.")
        else:
            result[f"{before}{name}"] = str(value)
    return result


def differences(groups: Iterable[Group]) -> list[Difference]:
    """Return the settings that are not the same in all runs that can be read."""
    groups = list(groups)
    settings = [{"agent": g["agent"], "family": g["family"], **g["settings"]} for g in groups]
    readable = [
        each for each, group in zip(settings, groups, strict=True) if group["message"] is None
    ]
    names = dict.fromkeys(name for each in readable for name in each)
    return [
        {"setting": name, "values": [each.get(name) for each in settings]}
        for name in names
        if len({each.get(name) for each in readable}) > 1
    ]


def together(groups: Iterable[Group]) -> list[Together]:
    """Return the returns of all runs on a family in one chart, for each that has several."""
    by_family: dict[str, list[Group]] = {}
    for group in groups:
        if group["charts"] and group["charts"][0]["limits"]:
            by_family.setdefault(group["family"], []).append(group)
    result: list[Together] = []
    for family, several in by_family.items():
        if len(several) > 1:
            chart: Chart = {
                "title": f"return on {family}",
                "high": None,
                "limits": True,
                "series": [
                    {**group["charts"][0]["series"][0], "label": _label(group)} for group in several
                ],
            }
            limits = max((group["limits"] for group in several), key=len)
            result.append({"chart": chart, "limits": limits})
    return result


def _label(group: Group) -> str:
    return f"{group['agent']} ({Path(group['name']).name})"


def _exact(
    result: Mapping[str, Any], family: str, tables: Path | None, reach: Reach
) -> dict[str, float]:
    """Return what can be reached, as the run's result has it, or worked out anew."""
    names = ("optimal", "no_exploration")
    values: Mapping[str, Any] = {}
    if all(name in result for name in names):
        values = result
    else:
        with contextlib.suppress(UserError):
            values = reach(family, tables)
    return {n: float(values[n]) for n in names if isinstance(values.get(n), int | float)}


def _limits(exact: Mapping[str, float]) -> list[Limit]:
    words = {"optimal": "problem known", "no_exploration": "no exploration"}
    return [{"label": words[name], "value": value} for name, value in exact.items()]


def _result(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = []
    interval = result.get("return_ci95")
    if isinstance(result.get("return_mean"), float):
        words = f"{result['return_mean']:.3f}"
        if isinstance(interval, list) and len(interval) == 2:
            words += f" (95 %: {interval[0]:.3f} to {interval[1]:.3f})"
        scope = "unseen" if result.get("held_out", True) else "all"
        rows.append((f"return on {scope} problems", words))
    names = {"return_lowest": "in the worst seed", "exploration_length_mean": "exploration, steps"}
    for name, label in names.items():
        if isinstance(result.get(name), float):
            rows.append(
                (label, f"{result[name]:.3f}" if "return" in name else f"{result[name]:.1f}")
            )
    return rows


def _progress(histories: Mapping[int, Sequence[Record]], settings: Mapping[str, str]) -> str:
    last = [records[-1] for records in histories.values() if records]
    if not last:
        return "nothing measured yet"
    done = int(min(record["iteration"] for record in last))
    steps = int(min(record.get("steps", 0) for record in last))
    total = settings.get("budget.iterations")
    return f"iteration {done}{f' of {total}' if total else ''}, {steps:,} steps"


def _facts(
    histories: Mapping[int, Sequence[Record]],
    group: Group,
    exact: Mapping[str, float],
    tables: Path | None,
) -> dict[int, Facts]:
    settings, horizon = group["settings"], None
    with contextlib.suppress(UserError):
        explorations = int(_number(settings.get("budget.explorations")) or 1)
        family = explored_in(families.of_run(group["family"], tables), explorations)
        horizon = horizon_of(family, exploring=True)
    total = _number(settings.get("budget.iterations")) or 1.0
    rho = _number(settings.get("encoding.rho"))
    ends = (exact.get("optimal"), exact.get("no_exploration"))
    return {
        seed: Facts(
            records[-1], records[-1]["iteration"] / total, rho, horizon, *ends, _highest(records)
        )
        for seed, records in histories.items()
        if records
    }


def _highest(records: Sequence[Record]) -> float | None:
    return max((record["dual"] for record in records if "dual" in record), default=None)


def _number(text: str | None) -> float | None:
    with contextlib.suppress(TypeError, ValueError):
        return float(text or "")
    return None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
