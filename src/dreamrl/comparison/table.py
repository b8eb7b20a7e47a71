"""Results of many cells as the rows of a table."""

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dreamrl.comparison.spec import Result, held_out
from dreamrl.comparison.statistics import (
    Interval,
    Scores,
    gap_interval,
    improvement_interval,
    iqm,
    iqm_interval,
)
from dreamrl.evaluation import FEW, FEW_SEEDS

ALL = "all families"
AGREE = "–: few seeds that agree exactly do not say how much others differ."


class Row(NamedTuple):
    """One agent on one family, or on all of them."""

    family: str
    agent: str
    seeds: int
    score: Interval
    """Interquartile mean over seeds of the return on unseen problems; on all, if none is."""
    gap: Interval | None
    """The base agent's score less this agent's."""
    behind: Interval | None
    """Probability that a seed of the base agent does better than one of this agent; None of one."""
    details: dict[str, float]
    """Further columns: means over seeds, and what the training took."""
    held_out: bool
    """True if some problems are unseen."""


def rows(results: Sequence[Result], base: str) -> list[Row]:
    """Return one row a result, family by family; those of agents with every family at the end.

    Over families, returns count on a scale from 0, without exploration, to 1, the optimum; they
    are left out where a family has no such references or an agent not all families.
    """
    of_family: dict[str, list[Result]] = {}
    for result in results:
        of_family.setdefault(result["family"], []).append(result)
    lines = [
        row
        for family, group in of_family.items()
        for row in _group(
            family,
            {r["name"]: _scores([r]) for r in group},
            {r["name"]: _details(r) for r in group},
            base,
            held_out(group),
        )
    ]
    scaled = all(_worth_knowing(result["references"]) for result in results)
    if len(of_family) == 1 or not scaled:
        return lines
    by_name: dict[str, list[Result]] = {}
    for result in results:
        by_name.setdefault(result["name"], []).append(result)
    whole = {name: rs for name, rs in by_name.items() if len(rs) == len(of_family)}
    scores = {name: _scores(rs, scaled=True) for name, rs in whole.items()}
    details: dict[str, dict[str, float]] = {name: {} for name in whole}
    return [*lines, *_group(ALL, scores, details, base, held_out(results))]


def markdown(group: Sequence[Row], base: str) -> str:
    """Return rows of one family as a table, with columns of one width so that it reads as it is."""
    names = list(dict.fromkeys(name for row in group for name in row.details))
    score = "return, unseen" if group[0].held_out else "return"
    if group[0].family == ALL:
        score = "scaled return"
    against = [f"{base} above by", "95 %", f"P({base} better)", "95 %"]
    header = ["agent", "seeds", score, "95 %", *against, *names]
    return aligned(header, [_line(row, names) for row in group])


def aligned(header: Sequence[str], lines: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a table with columns of one width, of which the first ones are flush left."""
    whole = [header, *lines]
    widths = [max(len(line[i]) for line in whole) for i in range(len(header))]
    rule = ["-" * w if i < left else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    padded = [
        " | ".join(
            f"{text:<{width}}" if i < left else f"{text:>{width}}"
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in [header, rule, *lines]
    ]
    return "\n".join(f"| {line} |" for line in padded)


def tables(results: Sequence[Result], base: str) -> dict[str, str]:
    """Return {family: its table}, the one over families last."""
    groups: dict[str, list[Row]] = {}
    for row in rows(results, base):
        groups.setdefault(row.family, []).append(row)
    return {family: markdown(group, base) for family, group in groups.items()}


def in_words(results: Sequence[Result], base: str) -> str:
    """Return all tables, one below the other, and a line where seeds are few."""
    parts = [f"{family}\n\n{table}" for family, table in tables(results, base).items()]
    few = any(len(result["seeds"]) < FEW for result in results)
    agree = any(row.seeds > 1 and row.score.low is None for row in rows(results, base))
    notes = [FEW_SEEDS] * few + [AGREE] * agree
    return "\n\n".join([*parts, *notes])


def base_of(names: Sequence[str]) -> str:
    """Return the agent that the others are compared with: DREAM, or else the first."""
    return "dream" if "dream" in names else names[0]


def as_json(row: Row) -> dict[str, Any]:
    intervals = {name: getattr(row, name) for name in ("score", "gap", "behind")}
    return row._asdict() | {
        name: interval and interval._asdict() for name, interval in intervals.items()
    }


def _group(
    family: str,
    scores: dict[str, Scores],
    details: dict[str, dict[str, float]],
    base: str,
    unseen: bool,
) -> list[Row]:
    lines = []
    for name, sample in scores.items():
        gap = probability = None
        if base in scores and name != base:
            gap, probability = (
                each(scores[base], sample) for each in (gap_interval, improvement_interval)
            )
        entries = (iqm_interval(sample), gap, probability, details[name], unseen)
        lines.append(Row(family, name, len(sample), *entries))
    return lines


def _worth_knowing(references: dict[str, float]) -> bool:
    """Return whether there is a scale from the best without exploration to the best of all."""
    best, blind = (references.get(name) for name in ("optimal", "no_exploration"))
    return best is not None and blind is not None and best > blind


def _scores(results: Sequence[Result], scaled: bool = False) -> Scores:
    """Return [seeds, families] of as many seeds as all of the results have, the lowest first.

    A seed of one family has nothing to do with that of another: they are drawn apart.
    """
    columns = []
    for result in results:
        low, high = 0.0, 1.0
        if scaled:
            low, high = (result["references"][n] for n in ("no_exploration", "optimal"))
        seeds = sorted(result["seeds"], key=lambda seed: seed["seed"])
        columns.append([(seed["unseen"]["return"] - low) / (high - low) for seed in seeds])
    count = min(map(len, columns))
    return np.array([column[:count] for column in columns], float).T


def _details(result: Result) -> dict[str, float]:
    seeds, trainings = result["seeds"], result["trainings"]
    unseen = [seed["unseen"]["return"] for seed in seeds]
    train = np.array([[seed["train"]["return"]] for seed in seeds])
    names = [name for name in seeds[0]["unseen"] if name != "return"]
    of_unseen = {
        name.replace("_", " "): statistics.fmean(seed["unseen"][name] for seed in seeds)
        for name in names
    }
    lost = {"seeds failed": float(len(result["failed"]))} if result.get("failed") else {}
    return {
        **lost,
        "mean": statistics.fmean(unseen),
        "lowest seed": min(unseen),
        **({"return, training": iqm(train)} if held_out([result]) else {}),
        **of_unseen,
        "steps": statistics.fmean(seed["steps"] for seed in seeds),
        "steps/s": statistics.fmean(each["steps_per_second"] for each in trainings),
        "seconds": sum(each["wall_seconds"] for each in trainings),
        "compiling": sum(each["compile_seconds"] for each in trainings),
    }


_FORMS = {
    "seeds failed": ".0f",
    "steps": ",.0f",
    "steps/s": ",.0f",
    "seconds": ",.0f",
    "compiling": ",.0f",
}
"""Other columns have three decimals."""


def _line(row: Row, names: Sequence[str]) -> list[str]:
    more = [
        format(row.details[name], _FORMS.get(name, ".3f")) if name in row.details else "–"
        for name in names
    ]
    against = [*_words(row.gap, ".3f"), *_words(row.behind, ".2f")]
    return [row.agent, str(row.seeds), *_words(row.score, ".3f"), *against, *more]


def _words(interval: Interval | None, form: str) -> list[str]:
    if interval is None:
        return ["–", "–"]
    estimate, low, high = interval
    if low is None or high is None:
        return [format(estimate, form), "–"]
    return [format(estimate, form), f"{low:{form}} to {high:{form}}"]
