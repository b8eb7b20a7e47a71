"""A trial of `paddle`: the game as it was played, beside the report of its bugs."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from dreamrl.families.paddle import BUG_NAMES, COLUMNS, LOST, TOP, Label
from dreamrl.figures.panels import draw_knowledge, say_moment
from dreamrl.figures.scene import Strip
from dreamrl.story import Story

BALL, PADDLE, GOAL, POINT = "crimson", "tab:blue", "honeydew", "seagreen"
BELIEVED, RIGHT, WRONG = "0.8", "seagreen", "crimson"
TRAIL = 3
"""Steps for which a ball leaves a trace."""
SAYS = {int(Label.WORKS): "works", int(Label.BUG): "bug", int(Label.NONE): "no label"}
CELL = 1.4


class PaddleScene:
    """The game on its screen, and the report: what is believed of each bug, said, and true."""

    one_palette = False
    """The last frame may lack the ball, and so its colour."""

    def __init__(self, story: Story):
        self.story = story
        self.seen = np.asarray(story.beliefs.trajectory.observations)
        self.true = np.asarray(story.family.problem(jnp.array(story.problem_id)))
        self.believed: np.ndarray | None = None
        """[n+1, bugs]: how likely each bug is, by the known programs that come near."""
        shares = story.beliefs.confidence
        if shares is not None and story.beliefs.known is not None:
            programs = jax.vmap(story.family.problem)(jnp.array(story.beliefs.known.ids))
            self.believed = shares @ np.asarray(programs, float)

    def walk(self, axes: Axes, steps: int, exploring: bool) -> None:
        title = say_moment(self.story, steps, exploring)
        if exploring:
            self._screen(axes, steps)
        else:
            self._report(axes, self.story.beliefs.steps, steps)
        axes.set_title(title, fontsize=10)

    def strips(self) -> list[Strip]:
        def draw(axes: Axes, step: int) -> None:
            self._screen(axes, step)
            actions = self.story.beliefs.trajectory.actions
            words = f"{step} {self.story.name_of(actions[step - 1])}" if step else "0"
            axes.set_title(words, fontsize=8)

        title = "seen in exploration (green: a point)"
        return [Strip(title, self.story.beliefs.steps, CELL, draw)]

    def frame(self, figure: Figure, explored: int, exploited: int | None) -> None:
        figure.subplots_adjust(0.01, 0.13, 0.985, 0.9, wspace=0.12)
        game, report, knowledge = figure.subplots(1, 3, width_ratios=(1, 1.4, 1.05))
        self.walk(game, explored, exploring=True)
        self._report(report, explored, exploited or 0)
        words = "report" if exploited is None else say_moment(self.story, exploited, False)
        report.set_title(words, fontsize=10)
        draw_knowledge(knowledge, self.story.beliefs, explored)

    def _screen(self, axes: Axes, step: int) -> None:
        """Draw the game after a step."""
        x, y, place, point, _ = self.seen[step].tolist()
        axes.set_aspect("equal")
        axes.set_axis_off()
        axes.set_xlim(-0.6, COLUMNS - 0.4)
        axes.set_ylim(-1.1, TOP + 0.6)
        edge: Any = {"ec": POINT if point else "0.6", "lw": 2.5 if point else 1}
        axes.add_patch(Rectangle((-0.5, -0.9), COLUMNS, TOP + 1.4, fc="white", zorder=0, **edge))
        axes.add_patch(Rectangle((-0.5, TOP - 0.5), COLUMNS, 1, fc=GOAL, lw=0, zorder=0.5))
        for half in range(2):
            corner = (place + half - 0.47, -0.75)
            axes.add_patch(Rectangle(corner, 0.94, 0.3, color=PADDLE, lw=0, zorder=2))
        for age in range(min(TRAIL, step), 0, -1):
            old_x, old_y = self.seen[step - age, :2].tolist()
            if old_y < LOST:
                axes.add_patch(Circle((old_x, old_y), 0.12, color="0.85", lw=0, zorder=1))
        if y < LOST:
            axes.add_patch(Circle((x, y), 0.28, color=BALL, lw=0, zorder=3))
        else:
            axes.text((COLUMNS - 1) / 2, 2, "no ball", ha="center", va="center", fontsize=7)

    def _report(self, axes: Axes, step: int, count: int) -> None:
        """Draw what is believed of each bug, and what was said so far, with what is true."""
        rows = np.arange(len(BUG_NAMES))
        axes.set_axis_off()
        axes.set_xlim(0, 1)
        axes.set_ylim(len(rows) - 0.4, -0.9)
        axes.text(0.76, -0.8, "reported", fontsize=7.5, ha="center")
        axes.text(0.93, -0.8, "in truth", fontsize=7.5, ha="center")
        if self.believed is not None:
            axes.barh(rows, 0.64 * self.believed[step], height=0.8, color=BELIEVED, zorder=0)
        for row, name in enumerate(BUG_NAMES):
            axes.text(0.01, row, name, fontsize=7.5, va="center")
            if row >= count:
                continue
            label = int(self.story.exploitation.actions[row])
            truth = Label.BUG if self.true[row] else Label.WORKS
            color = RIGHT if label == truth else WRONG
            axes.text(0.76, row, SAYS[label], fontsize=8, va="center", ha="center", color=color)
            axes.text(0.93, row, SAYS[int(truth)], fontsize=8, va="center", ha="center")
