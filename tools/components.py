"""Draw DREAM's four components: python -m tools.components.

Writes docs/figures/components.svg, the same file every time it is run.
"""

import argparse
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

OUT = Path(__file__).parent.parent / "docs" / "figures" / "components.svg"
ENCODER, DECODER, EXPLOITATION, EXPLORATION = "#1f77b4", "#2ca02c", "#d62728", "#9467bd"
INK = "#333333"
Point = tuple[float, float]


def box(axes: Axes, at: Point, text: str, color: str) -> None:
    """Draw a component, centred at a point."""
    wide, high = 2.5, 0.9
    patch = FancyBboxPatch(
        (at[0] - wide / 2, at[1] - high / 2), wide, high, "round,pad=0.02,rounding_size=0.12"
    )
    patch.set(facecolor=color, edgecolor="none", alpha=0.92)
    axes.add_patch(patch)
    axes.text(*at, text, color="white", ha="center", va="center", fontsize=10, linespacing=1.4)


def arrow(axes: Axes, begin: Point, end: Point, dashed: bool = False, bend: float = 0.0) -> None:
    style = {"linestyle": (0, (4, 2))} if dashed else {}
    axes.add_patch(
        FancyArrowPatch(
            begin,
            end,
            arrowstyle="-|>",
            mutation_scale=12,
            color=INK,
            linewidth=1.2,
            shrinkA=0,
            shrinkB=0,
            connectionstyle=f"arc3,rad={bend}",
            **style,
        )
    )


def label(axes: Axes, at: Point, text: str, **style: object) -> None:
    axes.text(*at, text, **{"color": INK, "ha": "center", "va": "center", "fontsize": 9.5, **style})


def training(axes: Axes) -> None:
    axes.set_title("meta-training: the problem ID μ is known", fontsize=11, color=INK)
    label(axes, (0.25, 3.4), "μ", fontsize=13)
    arrow(axes, (0.45, 3.4), (1.05, 3.4))
    box(axes, (2.35, 3.4), "encoder\nf(μ)", ENCODER)
    arrow(axes, (3.65, 3.4), (5.05, 3.4))
    label(axes, (4.35, 3.62), "z")
    box(axes, (6.35, 3.4), "exploitation policy\nπ(a | s, goal, z)", EXPLOITATION)
    arrow(axes, (7.65, 3.4), (8.3, 3.4))
    label(axes, (8.75, 3.4), "return")
    box(axes, (2.35, 0.7), "exploration policy\nπ(a | s, τ)", EXPLORATION)
    arrow(axes, (3.65, 0.7), (5.05, 0.7))
    label(axes, (4.35, 0.92), "τ")
    box(axes, (6.35, 0.7), "decoder\ng(τ)", DECODER)
    # The error joins the two halves: what the decoder learns, and what exploration is paid for.
    middle = (4.35, 2.05)
    label(axes, middle, "error ‖f(μ) − g(τ)‖²", fontsize=10.5)
    arrow(axes, (2.6, 2.9), (3.4, 2.25), dashed=True)
    arrow(axes, (6.1, 1.2), (5.3, 1.85), dashed=True)
    arrow(axes, (3.4, 1.85), (2.6, 1.2))
    label(axes, (1.35, 1.6), "reward: the step's\ndecrease of the error", fontsize=8.5)
    arrow(axes, (5.3, 2.25), (6.9, 1.2), bend=-0.35)
    label(axes, (7.75, 1.85), "loss, minimised", fontsize=8.5)


def test(axes: Axes) -> None:
    axes.set_title("meta-test: μ is not known", fontsize=11, color=INK)
    box(axes, (1.5, 3.4), "exploration policy\nπ(a | s, τ)", EXPLORATION)
    arrow(axes, (2.8, 3.4), (4.2, 3.4))
    label(axes, (3.5, 3.62), "τ")
    box(axes, (5.5, 3.4), "decoder\ng(τ)", DECODER)
    arrow(axes, (5.5, 2.9), (5.5, 1.2))
    label(axes, (5.75, 2.05), "z")
    box(axes, (5.5, 0.7), "exploitation policy\nπ(a | s, goal, z)", EXPLOITATION)
    label(axes, (3.25, 0.7), "goal")
    arrow(axes, (3.6, 0.7), (4.2, 0.7))
    arrow(axes, (6.8, 0.7), (7.4, 0.7))
    label(axes, (7.85, 0.7), "return")


def draw() -> Figure:
    figure = Figure(figsize=(11.5, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(9.3, 8.4))
    for axes, panel, width in ((left, training, 9.3), (right, test, 8.4)):
        axes.set(xlim=(0, width), ylim=(0, 4.1))
        axes.set_axis_off()
        panel(axes)
    return figure


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    # Neither the date nor random names: the file changes only when the drawing does.
    with rc_context({"svg.hashsalt": "dreamrl"}):
        draw().savefig(OUT, metadata={"Date": None})
    print(OUT)


if __name__ == "__main__":
    main()
