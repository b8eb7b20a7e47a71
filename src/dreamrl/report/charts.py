"""Learning curves: every seed's values, with mean and interval over seeds."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from dreamrl.evaluation import mean_ci95
from dreamrl.figures.training import SMALL, tells_unseen
from dreamrl.listener import Record
from dreamrl.report.schema import Band, Chart, Line, Series

POINTS = 250
"""Points of a curve: more would not be seen."""
RETURNS = (("return_unseen", "unseen problems"), ("return_train", "training problems"))
EVERY = (("return_unseen", "all problems"),)

T = TypeVar("T")

Histories = Mapping[int, Sequence[Record]]


def charts(histories: Histories) -> list[Chart]:
    """Return what was measured in {seed: records}, returns first."""
    returns = RETURNS if tells_unseen(histories) else EVERY
    result = [_chart("return", True, None, histories, returns)]
    metrics = (("return_encoder", "training problems, sampled policies"),)
    result.append(_chart("return, given the true z", True, None, histories, metrics))
    result += [_chart(label, False, high, histories, ((key, label),)) for key, label, high in SMALL]
    return [chart for chart in result if chart["series"]]


def _chart(
    title: str,
    limits: bool,
    high: float | None,
    histories: Histories,
    metrics: Sequence[tuple[str, str]],
) -> Chart:
    series = [_series(histories, key, label) for key, label in metrics]
    curves = [each for each in series if each["lines"]]
    return {"title": title, "limits": limits, "high": high, "series": curves}


def _series(histories: Histories, key: str, label: str) -> Series:
    lines: list[Line] = []
    for seed, records in histories.items():
        points = _subsample(
            [(int(r["steps"]), r[key]) for r in records if key in r and "steps" in r]
        )
        if points:
            line: Line = {
                "seed": seed,
                "x": [x for x, _ in points],
                "y": [_rounded(y) for _, y in points],
            }
            lines.append(line)
    return {"label": label, "lines": lines, "band": _band(histories, key)}


def _band(histories: Histories, key: str) -> Band | None:
    """Return mean and interval at iterations that several seeds have; steps are their mean."""
    if len(histories) < 2:
        return None
    groups: dict[int, list[tuple[float, float]]] = {}
    for records in histories.values():
        for record in records:
            if key in record and "steps" in record:
                groups.setdefault(int(record["iteration"]), []).append(
                    (record["steps"], record[key])
                )
    rows = _subsample([values for _, values in sorted(groups.items()) if len(values) > 1])
    if not rows:
        return None
    band: Band = {"x": [], "mean": [], "low": [], "high": []}
    for values in rows:
        steps, results = np.array(values, float).T
        mean, interval = mean_ci95(results)
        # Few seeds that agree exactly have no interval: nothing is drawn around them.
        low, high = interval or (mean, mean)
        band["x"].append(round(float(steps.mean())))
        band["mean"].append(_rounded(mean))
        band["low"].append(_rounded(low))
        band["high"].append(_rounded(high))
    return band


def _subsample(points: Sequence[T]) -> list[T]:
    if len(points) <= POINTS:
        return list(points)
    return [points[i] for i in np.linspace(0, len(points) - 1, POINTS).round().astype(int)]


def _rounded(value: float | int) -> float:
    return float(f"{value:.5g}")
