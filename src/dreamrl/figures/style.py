"""The common style of all figures."""

from matplotlib.axes import Axes

UNSEEN, TRAIN, LIMIT = "tab:blue", "tab:orange", "0.45"
DPI = 120


def bare(axes: Axes) -> None:
    """Take away the lines that carry nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.92")
    axes.set_axisbelow(True)
