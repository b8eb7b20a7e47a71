"""The common part of a trial's figures, whatever the family: panels, and frames made a GIF."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from dreamrl.deploy import ExplorationRecord
from dreamrl.figures.style import UNSEEN, bare
from dreamrl.story import Story
from dreamrl.types import Trajectory


def say_moment(story: Story, steps: int, exploring: bool) -> str:
    """Write which episode it is, how far it has come, and what was last done."""
    episode = story.beliefs.trajectory if exploring else story.exploitation
    words = f"{'exploration' if exploring else 'exploitation'}, step {steps}"
    if steps:
        words += f": {story.name_of(episode.actions[steps - 1], exploring)}"
    if not exploring:
        return f"{words}, return {episode.rewards[:steps].sum():.1f}"
    return f"{words}; stops here" if steps == len(episode.actions) and stopped(episode) else words


def stopped(exploration: Trajectory) -> bool:
    """Return whether the agent ended it, before the environment did."""
    ends = exploration.terminated | exploration.truncated
    return not bool(ends.any())


def draw_knowledge(axes: Axes, beliefs: ExplorationRecord, steps: int) -> None:
    """Draw how much is known after each step, or how far the belief has moved."""
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


def draw_shares(
    axes: Axes,
    shares: Float[np.ndarray, " problems"],
    names: Sequence[str],
    colors: Sequence[str],
    fontsize: int,
) -> None:
    """Draw how likely each known problem is, a bar each, from the top down."""
    places = range(len(names))
    axes.barh(places, 1, color="0.95")
    axes.barh(places, shares, color=colors)
    for i, share in zip(places, shares, strict=True):
        axes.text(1.04, i, f"{share:.0%}", va="center", fontsize=fontsize)
    axes.set_xlim(0, 1.3)
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0, labelsize=fontsize)
    axes.spines[:].set_visible(False)


def photograph(figure: Figure) -> Image.Image:
    """Return the figure as it is now, for a frame."""
    figure.set_dpi(80)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def save_gif(
    frames: Sequence[Image.Image], milliseconds: Sequence[int], path: Path, one_palette: bool
) -> None:
    """Save frames; a palette for all makes a smaller file, but photographs need more colours."""
    palette = frames[-1].quantize(128) if one_palette else None
    small = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    # No frame is left out for being like the one before: the file has one for each step.
    small[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=small[1:],
        duration=list(milliseconds),
        loop=0,
    )
