"""How a training went: returns, exploration and information over time."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dreamrl.figures.style import DPI, LIMIT, TRAIN, UNSEEN, bare
from dreamrl.listener import Record

Histories = Mapping[int, Sequence[Record]]
SMALL = (
    ("exploration_length", "steps of exploration", None),
    ("information", "information gained", 1.0),
    ("z_squared", "‖z‖²", None),
    ("dual", "dual variable λ", None),
)
"""Metrics that are drawn below, where they were measured: name, label, and the axis's end."""


def tells_unseen(histories: Histories) -> bool:
    """Return whether unseen problems return otherwise than those of training.

    Where none is held out both are measured on the same trials, and called unseen by nobody.
    """
    entries = [record for records in histories.values() for record in records]
    pairs = [(r.get("return_unseen"), r.get("return_train")) for r in entries]
    return any(test != train for test, train in pairs)


def draw_training(
    histories: Histories, limits: Mapping[str, float | None], horizon: int, path: Path
) -> Path:
    """Draw {seed: records} to a file; one seed is a line, of several each is a thin one."""
    entries = [record for records in histories.values() for record in records]
    small = [entry for entry in SMALL if any(entry[0] in record for record in entries)]
    columns = max(len(small), 1)
    figure = Figure(figsize=(9, 6.2), layout="constrained")
    grid = figure.add_gridspec(2, columns, height_ratios=(2, 1))
    top = figure.add_subplot(grid[0, :])
    if tells_unseen(histories):
        _lines(top, histories, "return_train", TRAIN, "training problems")
        _lines(top, histories, "return_unseen", UNSEEN, "unseen problems")
    else:
        _lines(top, histories, "return_unseen", UNSEEN, "all problems")
    _limits(top, limits)
    top.set_ylabel("return")
    top.set_xlabel("seconds, compiling included")
    compiled = max((record["compile_seconds"] for record in entries), default=0.0)
    top.axvspan(0, compiled, color="0.95", lw=0)
    top.text(
        compiled / 2,
        0.02,
        "compiling",
        transform=top.get_xaxis_transform(),
        ha="center",
        va="bottom",
        rotation=90,
        color=LIMIT,
        fontsize=8,
    )
    top.set_xlim(left=0)
    top.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    bare(top)
    for i, (name, label, end) in enumerate(small):
        axes = figure.add_subplot(grid[1, i])
        _lines(axes, histories, name, UNSEEN, None)
        axes.set_title(label, fontsize=10)
        axes.set_xlabel("seconds")
        axes.set_xlim(left=0)
        axes.set_ylim(0, horizon * 1.03 if name == "exploration_length" else end)
        bare(axes)
    figure.savefig(path, dpi=DPI)
    return path


def _lines(axes: Axes, histories: Histories, name: str, color: str, label: str | None) -> None:
    runs = [[(r["seconds"], r[name]) for r in rs if name in r] for rs in histories.values()]
    runs = [points for points in runs if points]
    for points in runs:
        seconds, values = np.array(points).T
        is_single = len(runs) == 1
        axes.plot(
            seconds,
            values,
            color=color,
            lw=2 if is_single else 0.8,
            alpha=1 if is_single else 0.45,
            clip_on=False,
        )
    if len(runs) > 1:
        shortest = min(map(len, runs))
        seconds, values = np.mean([points[:shortest] for points in runs], axis=0).T
        axes.plot(seconds, values, color=color, lw=2, clip_on=False)
    if runs and label:
        axes.plot([], [], color=color, lw=2, label=label)


def _limits(axes: Axes, limits: Mapping[str, float | None]) -> None:
    named = {"optimal": "with the problem known", "no_exploration": "without exploration"}
    for name, words in named.items():
        if (value := limits.get(name)) is not None:
            axes.axhline(value, color=LIMIT, lw=1, ls="--")
            axes.text(
                0.995,
                value,
                f"{words}: {value:.2f}",
                transform=axes.get_yaxis_transform(),
                ha="right",
                va="bottom",
                color=LIMIT,
                fontsize=8,
            )
