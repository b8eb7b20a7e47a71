"""Results of a sweep, the best cell of each family first."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dreamrl.comparison.contender import contender
from dreamrl.comparison.spec import Result, held_out
from dreamrl.comparison.statistics import Interval, iqm_interval
from dreamrl.comparison.table import aligned
from dreamrl.sweeps.proposals import score


class Row(NamedTuple):
    """One cell."""

    family: str
    name: str
    agent: str
    changes: dict[str, str]
    """Settings that differ from the preset's."""
    seeds: int
    train: Interval
    """Interquartile mean over seeds of the return on training problems."""
    unseen: Interval
    failed: tuple[int, ...]
    """Seeds that diverged."""
    held_out: bool
    """True if some problems are unseen; else the two returns are one, on all problems."""


def ranked(results: Sequence[Result], by: str) -> dict[str, list[Row]]:
    """Return {family: rows}, the highest mean return on `train` or `validation` problems first.

    Of two that are equal, that with fewer failed seeds comes first.
    """
    by_family: dict[str, list[Row]] = {}
    order = sorted(results, key=lambda r: (len(r.get("failed", ())), r["name"]))
    for result in sorted(order, key=lambda result: -score(result, by)):
        by_family.setdefault(result["family"], []).append(_row(result))
    return dict(sorted(by_family.items()))


def markdown(rows: Sequence[Row]) -> str:
    """Return rows of one family as a table, with a column for each setting."""
    names = list(dict.fromkeys(name for row in rows for name in row.changes))
    scores = ["return", "95 %"]
    if any(row.held_out for row in rows):
        scores = ["return, training", "95 %", "return, unseen", "95 %"]
    lines = [_line(i, row, names)[: 3 + len(names) + len(scores)] for i, row in enumerate(rows, 1)]
    return aligned(["", "agent", *names, "seeds", *scores], lines, left=2)


def as_json(row: Row) -> dict[str, Any]:
    return {**row._asdict(), "train": row.train._asdict(), "unseen": row.unseen._asdict()}


def _row(result: Result) -> Row:
    request = contender(result["name"])
    changes = {**({"preset": request.preset} if request.preset else {}), **request.changes}
    train, unseen = (
        iqm_interval(np.array([[seed[split]["return"]] for seed in result["seeds"]]))
        for split in ("train", "unseen")
    )
    failed = tuple(result.get("failed", ()))
    numbers = (len(result["seeds"]), train, unseen, failed, held_out([result]))
    return Row(result["family"], result["name"], request.agent, changes, *numbers)


def _line(place: int, row: Row, names: Sequence[str]) -> list[str]:
    lost = f" ({len(row.failed)} failed)" if row.failed else ""
    settings = [row.changes.get(name, "–") for name in names]
    scores = [text for interval in (row.train, row.unseen) for text in _words(interval)]
    return [str(place), row.agent, *settings, f"{row.seeds}{lost}", *scores]


def _words(interval: Interval) -> list[str]:
    if interval.low is None or interval.high is None:
        return [f"{interval.estimate:.3f}", "–"]
    return [f"{interval.estimate:.3f}", f"{interval.low:.3f} to {interval.high:.3f}"]
