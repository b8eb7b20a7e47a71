"""Learning curves of several agents beside one another, one panel a family."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from dreamrl.comparison.spec import Result, held_out
from dreamrl.comparison.statistics import iqm
from dreamrl.figures.style import DPI, LIMIT, bare

REFERENCES = {
    "optimal": "problem known",
    "thompson": "Thompson bound",
    "no_exploration": "no exploration",
}
"""Lines that are drawn, where a family has them."""
POINTS = 200


def draw_curves(results: Sequence[Result], stem: Path) -> list[Path]:
    """Draw return on unseen problems against environment steps; return `stem`.png and `stem`.svg.

    Where no problem is held out, it is the return on all of them. A line is the interquartile mean
    over seeds, its band from the lowest seed to the highest.
    """
    panels: dict[str, list[Result]] = {}
    for result in results:
        panels.setdefault(result["family"], []).append(result)
    names = list(dict.fromkeys(result["name"] for result in results))
    palette = colormaps["tab10" if len(names) <= 10 else "tab20"]
    colors = {name: palette(i) for i, name in enumerate(names)}
    columns = min(len(panels), 2)
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(5.6 * columns + 1.6, 3.7 * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False).flat
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    for axes, (family, group) in zip(grid, panels.items(), strict=False):
        _panel(axes, family, group, colors)
    handles = [Axes.plot(grid[0], [], [], color=colors[name], lw=2)[0] for name in names]
    # A line a setting: a long name would leave the curves no room.
    words = [name.replace(":", ":\n  ").replace(",", ",\n  ") for name in names]
    figure.legend(handles, words, loc="outside right upper", frameon=False)
    paths = [stem.with_name(f"{stem.name}{end}") for end in (".png", ".svg")]
    # The same numbers give the same file, byte for byte.
    with rc_context({"svg.hashsalt": "dreamrl", "svg.fonttype": "none"}):
        figure.savefig(paths[0], dpi=DPI)
        figure.savefig(paths[1], metadata={"Date": None})
    return paths


def _panel(
    axes: Axes, family: str, group: Sequence[Result], colors: Mapping[str, tuple[float, ...]]
) -> None:
    for result in group:
        steps, returns = _aligned(result)
        color = colors[result["name"]]
        middle = [iqm(returns[:, [i]]) for i in range(returns.shape[1])]
        axes.fill_between(steps, returns.min(0), returns.max(0), color=color, alpha=0.15, lw=0)
        axes.plot(steps, middle, color=color, lw=1.6)
    references: dict[str, float] = {}
    for result in group:
        references |= result["references"]
    for name, words in REFERENCES.items():
        if name in references:
            axes.axhline(references[name], color=LIMIT, lw=1, ls="--", zorder=0)
            axes.text(
                0.005,
                references[name],
                f"{words}: {references[name]:.2f}",
                transform=axes.get_yaxis_transform(),
                va="bottom",
                color=LIMIT,
                fontsize=8,
            )
    axes.set_title(family, fontsize=11)
    axes.set_xlabel("environment steps")
    axes.set_ylabel(f"return on {'unseen' if held_out(group) else 'all'} problems")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1e6:g}M"))
    axes.set_xlim(left=0)
    bare(axes)


def _aligned(
    result: Result,
) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, "seeds points"]]:
    """Return all seeds' curves on the steps that all of them have been measured between."""
    curves = [seed["curve"] for seed in result["seeds"]]
    begin = max(curve["steps"][0] for curve in curves)
    end = min(curve["steps"][-1] for curve in curves)
    steps = np.linspace(begin, end, POINTS)
    returns = [np.interp(steps, curve["steps"], curve["return_unseen"]) for curve in curves]
    return steps, np.array(returns)
