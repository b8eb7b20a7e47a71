"""One trial as a figure, and as an animation."""

import io
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from dreamrl.errors import UserError
from dreamrl.families.grid import Drawing
from dreamrl.figures.grid import (
    blend,
    draw_board,
    draw_goal,
    draw_path,
    draw_problem,
    draw_stations,
)
from dreamrl.figures.style import DPI, UNSEEN, bare
from dreamrl.story import Story
from dreamrl.types import Trajectory

FRAME_MILLISECONDS, LAST_MILLISECONDS = 600, 2500
COLUMNS = 7


def draw_trial(story: Story, path: Path) -> Path:
    """The exploration, the belief after each of its steps, and the exploitation, as one image."""
    scene = _Scene(story)
    beliefs = len(story.beliefs.means) if scene.shares is not None else 0
    rows = -(-beliefs // COLUMNS)
    figure = Figure(figsize=(11, 4.4 + 1.65 * rows), layout="constrained")
    heights = [4.4, 1.65 * rows] if rows else [4.4]
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)
    above, *below = parts.flat
    left, middle, right = above.subplots(1, 3, width_ratios=(1, 1, 0.85))
    scene.exploration(left, story.beliefs.steps)
    scene.exploitation(middle, len(story.exploitation.actions))
    scene.knowledge(right, story.beliefs.steps)
    for part in below:
        part.suptitle("believed after each step (how like the training problems' z)", fontsize=10)
        for i, axes in enumerate(part.subplots(rows, COLUMNS, squeeze=False).flat):
            if i < beliefs:
                scene.belief(axes, i, str(i), text=False)
            else:
                axes.set_axis_off()
    figure.savefig(path, dpi=DPI, bbox_inches="tight")
    return path


def animate_trial(story: Story, path: Path) -> Path:
    """The same, a frame a step, as a GIF."""
    scene = _Scene(story)
    explored = story.beliefs.steps
    moments: list[tuple[int, int | None]] = [(step, None) for step in range(explored + 1)]
    moments += [(explored, step) for step in range(len(story.exploitation.actions) + 1)]
    figure = Figure(figsize=(10.5, 3.9))
    figure.subplots_adjust(0.01, 0.13, 0.985, 0.92, wspace=0.08)
    panels = figure.subplots(1, 3)
    frames = [_frame(figure, panels, scene, *moment) for moment in moments]
    times = [FRAME_MILLISECONDS] * len(frames)
    times[explored] = times[-1] = LAST_MILLISECONDS
    palette = frames[-1].quantize(128)
    small = [frame.quantize(128, palette=palette, dither=Image.Dither.NONE) for frame in frames]
    # No frame is left out for being like the one before: the file has one for each step.
    small[0].save(
        path, format="GIF", save_all=True, append_images=small[1:], duration=times, loop=0
    )
    return path


def _frame(
    figure: Figure, panels: np.ndarray, scene: "_Scene", explored: int, exploited: int | None
) -> Image.Image:
    for axes in panels:
        axes.clear()
    left, middle, right = panels
    if exploited is None:
        scene.exploration(left, explored)
    else:
        scene.exploitation(left, exploited)
    if scene.shares is None:
        middle.set_axis_off()
    else:
        scene.belief(middle, explored, "believed")
    scene.knowledge(right, explored)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=80)
    return Image.open(content).convert("RGB")


class _Scene:
    """A story with what its panels have in common worked out once."""

    def __init__(self, story: Story):
        family = story.family
        if not hasattr(family, "drawing"):
            raise UserError(f"family {family.name!r} cannot be drawn: it has no drawing(problem)")
        self.story, self.shares = story, story.beliefs.confidence
        self.drawing: Drawing = family.drawing(family.problem(jnp.array(story.problem_id)))
        problems = [family.problem(jnp.array(i)) for i in family.train_ids]
        self.others = [] if self.shares is None else [family.drawing(p) for p in problems]
        self.names = getattr(family, "action_names", None)

    def exploration(self, axes: Axes, steps: int) -> None:
        self._walk(axes, self.story.beliefs.trajectory, steps, "exploration")

    def exploitation(self, axes: Axes, steps: int) -> None:
        goal = self.story.goal
        trajectory = self.story.exploitation
        earned = float(trajectory.rewards[:steps].sum())
        self._walk(axes, trajectory, steps, "exploitation", f", return {earned:.1f}")
        if self.drawing.lines:
            draw_goal(axes, goal)
        else:
            words = f"goal: {', then '.join(map(str, np.atleast_1d(goal).tolist()))}"
            axes.text(0.5, -0.02, words, transform=axes.transAxes, ha="center", va="top")

    def _walk(
        self, axes: Axes, trajectory: Trajectory, steps: int, name: str, more: str = ""
    ) -> None:
        draw_board(axes, self.drawing.size)
        draw_stations(axes, self.drawing)
        truth = blend([self.drawing], np.array([0.55]))
        draw_problem(axes, truth)
        draw_path(axes, np.asarray(trajectory.observations)[: steps + 1, :2])
        action = "" if steps == 0 else f": {self._action(int(trajectory.actions[steps - 1]))}"
        axes.set_title(f"{name}, step {steps}{action}{more}", fontsize=10)

    def _action(self, action: int) -> str:
        return str(action) if self.names is None else self.names[action]

    def belief(self, axes: Axes, step: int, title: str, text: bool = True) -> None:
        draw_board(axes, self.drawing.size)
        draw_stations(axes, self.drawing)
        assert self.shares is not None
        draw_problem(axes, blend(self.others, self.shares[step]), text)
        axes.set_title(title, fontsize=10)

    def knowledge(self, axes: Axes, steps: int) -> None:
        """How much is known after each step, or how far the belief has moved."""
        beliefs = self.story.beliefs
        if beliefs.gained is not None:
            curve = np.concatenate([[0.0], np.cumsum(beliefs.gained)])
            axes.set_title("share of the information gained", fontsize=10)
            axes.set_ylim(min(-0.05, curve.min() - 0.05), 1.05)
        else:
            curve = np.concatenate([[0.0], np.cumsum(beliefs.moved)])
            axes.set_title("squared moves of the belief, in sum", fontsize=10)
            axes.set_ylim(0, curve.max() * 1.05 + 1e-6)
        axes.set_xlim(0, max(len(curve) - 1, 1))
        axes.plot(curve, color="0.85", lw=1)
        axes.plot(curve[: steps + 1], color=UNSEEN, lw=2, marker="o", ms=4)
        axes.set_xlabel("steps of exploration")
        bare(axes)
