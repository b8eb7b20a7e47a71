"""Grids, lines between places, and the way that was taken."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle

from dreamrl.families.grid import Drawing, Line
from dreamrl.figures.panels import draw_knowledge, say_moment
from dreamrl.figures.scene import Strip
from dreamrl.story import Story

PATH = "black"
FAINTEST = 0.04
"""Share below which a line is not drawn."""


class BlendedDrawing(NamedTuple):
    """A problem that may be, for drawing: how sure of each line, and of each mark's text."""

    lines: list[tuple[Line, float]]
    marks: list[tuple[Any, float]]


def blend(drawings: Sequence[Drawing], shares: Float[np.ndarray, " problems"]) -> BlendedDrawing:
    """Return what many problems, each likely by its share, have in common."""
    lines: dict[Line, float] = {}
    marks: dict[Any, float] = {}
    for drawing, share in zip(drawings, shares, strict=True):
        for line in drawing.lines:
            lines[line] = min(1.0, lines.get(line, 0.0) + float(share))
        for mark in drawing.marks:
            marks[mark] = min(1.0, marks.get(mark, 0.0) + float(share))
    best: dict[tuple[int, int], tuple[Any, float]] = {}
    for mark, share in marks.items():
        if share > best.get(mark.position, (None, 0.0))[1]:
            best[mark.position] = (mark, share)
    return BlendedDrawing(sorted(lines.items(), key=lambda pair: pair[1]), list(best.values()))


def draw_board(axes: Axes, size: int) -> None:
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_xlim(-0.6, size - 0.4)
    axes.set_ylim(-0.6, size - 0.4)
    edges = np.arange(size + 1) - 0.5
    horizontal = [[(-0.5, edge), (size - 0.5, edge)] for edge in edges]
    upright = [[(edge, -0.5), (edge, size - 0.5)] for edge in edges]
    axes.add_collection(LineCollection([*horizontal, *upright], colors="0.93", lw=0.6, zorder=0))
    axes.add_patch(Rectangle((-0.5, -0.5), size, size, fill=False, ec="0.6", lw=1, zorder=1))


def draw_problem(axes: Axes, belief: BlendedDrawing, text: bool = True) -> None:
    """Draw lines and marks, the fainter the less sure."""
    for mark, share in belief.marks:
        x, y = mark.position
        corner = (x - 0.42, y - 0.42)
        square = Rectangle(corner, 0.84, 0.84, color=mark.color, alpha=share, lw=0, zorder=0.5)
        axes.add_patch(square)
        if text and mark.text:
            axes.text(x, y, mark.text, ha="center", va="center", alpha=share, fontsize=8, zorder=3)
    lines = [(line, share) for line, share in belief.lines if share > FAINTEST]
    colors = [to_rgba(line.color, share) for line, share in lines]
    ways = [(line.start, line.end) for line, _ in lines]
    widths = [1 + 1.5 * share for _, share in lines]
    axes.add_collection(LineCollection(ways, colors=colors, linewidths=widths, zorder=1))
    ends = [place for way in ways for place in way]
    _dots(axes, ends, 0.17, facecolors=[color for color in colors for _ in range(2)], zorder=2)


def draw_stations(axes: Axes, drawing: Drawing) -> None:
    """Draw where lines begin and end, without telling which is which."""
    ends = [place for line in drawing.lines for place in (line.start, line.end)]
    _dots(axes, ends, 0.2, facecolors="none", edgecolors="0.75", linewidths=0.8, zorder=0.8)


def _dots(axes: Axes, places: Sequence[Any], radius: float, **look: Any) -> None:
    circles = [Circle(place, radius) for place in places]
    axes.add_collection(PatchCollection(circles, **{"linewidths": 0, **look}))


def draw_path(axes: Axes, positions: Shaped[np.ndarray, "times 2"], numbers: bool = True) -> None:
    """Draw the way through a grid; leaps are bent arrows with the number of the step."""
    for step, (start, end) in enumerate(itertools.pairwise(positions), 1):
        distance = np.abs(end - start).sum()
        if distance == 0:
            continue
        leap = distance > 1
        arrow = FancyArrowPatch(
            tuple(start),
            tuple(end),
            arrowstyle="-|>",
            mutation_scale=9,
            connectionstyle="arc3,rad=0.18" if leap else "arc3,rad=0",
            color=PATH,
            lw=1.3,
            alpha=0.85,
            shrinkA=0,
            shrinkB=0,
            zorder=4,
            ls=(0, (4, 2)) if leap else "-",
        )
        axes.add_patch(arrow)
        if numbers:
            middle = (start + end) / 2
            # The middle of an arc bent by 0.18 of its length lies half of that aside.
            offset = 0.09 * np.array([end[1] - start[1], start[0] - end[0]]) if leap else 0
            x, y = middle + offset
            box = {"boxstyle": "circle,pad=0.12", "fc": "white", "ec": "0.6", "lw": 0.5}
            axes.text(x, y, str(step), fontsize=6.5, ha="center", va="center", bbox=box, zorder=5)
    x, y = positions[-1]
    axes.add_patch(Circle((x, y), 0.2, color="crimson", zorder=6, lw=0))


def draw_goal(axes: Axes, goal: Shaped[np.ndarray, " 2"]) -> None:
    axes.plot(*goal, marker="*", ms=19, color="gold", mec="0.3", mew=0.7, zorder=3)


class GridScene:
    """A story on a grid: observations begin with x and y, and problems have a drawing."""

    one_palette = True

    def __init__(self, story: Story):
        family: Any = story.family
        self.story, self.shares = story, story.beliefs.confidence
        self.drawing: Drawing = family.drawing(family.problem(jnp.array(story.problem_id)))
        problems = [family.problem(jnp.array(i)) for i in family.train_ids]
        self.others = [] if self.shares is None else [family.drawing(p) for p in problems]

    def walk(self, axes: Axes, steps: int, exploring: bool) -> None:
        episode = self.story.beliefs.trajectory if exploring else self.story.exploitation
        draw_board(axes, self.drawing.size)
        draw_stations(axes, self.drawing)
        draw_problem(axes, blend([self.drawing], np.array([0.55])))
        draw_path(axes, np.asarray(episode.observations)[: steps + 1, :2])
        axes.set_title(say_moment(self.story, steps, exploring), fontsize=10)
        if exploring:
            return
        goal = self.story.goal
        if self.drawing.lines:
            draw_goal(axes, goal)
        else:
            words = f"goal: {', then '.join(map(str, np.atleast_1d(goal).tolist()))}"
            axes.text(0.5, -0.02, words, transform=axes.transAxes, ha="center", va="top")

    def strips(self) -> list[Strip]:
        if self.shares is None:
            return []
        title = "believed after each step (how like the training problems' z)"

        def draw(axes: Axes, step: int) -> None:
            self._belief(axes, step, str(step), text=False)

        return [Strip(title, self.story.beliefs.steps, 1.65, draw)]

    def frame(self, figure: Figure, explored: int, exploited: int | None) -> None:
        figure.subplots_adjust(0.01, 0.13, 0.985, 0.92, wspace=0.08)
        left, middle, right = figure.subplots(1, 3)
        self.walk(left, explored if exploited is None else exploited, exploited is None)
        if self.shares is None:
            middle.set_axis_off()
        else:
            self._belief(middle, explored, "believed")
        draw_knowledge(right, self.story.beliefs, explored)

    def _belief(self, axes: Axes, step: int, title: str, text: bool = True) -> None:
        assert self.shares is not None
        draw_board(axes, self.drawing.size)
        draw_stations(axes, self.drawing)
        draw_problem(axes, blend(self.others, self.shares[step]), text)
        axes.set_title(title, fontsize=10)
