"""One trial as a figure, and as an animation."""

from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from dreamrl.families.grid import HasDrawing
from dreamrl.families.paddle import Paddle
from dreamrl.families.sign import Sign
from dreamrl.figures.grid import GridScene
from dreamrl.figures.paddle import PaddleScene
from dreamrl.figures.panels import draw_knowledge, photograph, save_gif
from dreamrl.figures.scene import Scene
from dreamrl.figures.sign import SignScene
from dreamrl.figures.style import DPI
from dreamrl.story import Story

FRAME_MILLISECONDS, LAST_MILLISECONDS = 600, 2500
COLUMNS = 7


def scene_of(story: Story) -> Scene | None:
    """Return the story as its family is drawn; None for a family of which there is no drawing."""
    if isinstance(story.family, Sign):
        return SignScene(story)
    if isinstance(story.family, Paddle):
        return PaddleScene(story)
    return GridScene(story) if isinstance(story.family, HasDrawing) else None


def draw_trial(scene: Scene, path: Path) -> Path:
    """Draw both episodes, what was known, and what each step showed or made believe, to a file."""
    story, strips = scene.story, scene.strips()
    rows = [-(-(strip.steps + 1) // COLUMNS) for strip in strips]
    heights = [4.4, *(strip.height * n for strip, n in zip(strips, rows, strict=True))]
    figure = Figure(figsize=(11, sum(heights)), layout="constrained")
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)
    top, *bottom = parts.flat
    left, middle, right = top.subplots(1, 3, width_ratios=(1, 1, 0.85))
    scene.walk(left, story.beliefs.steps, exploring=True)
    scene.walk(middle, len(story.exploitation.actions), exploring=False)
    draw_knowledge(right, story.beliefs, story.beliefs.steps)
    for part, strip, n in zip(bottom, strips, rows, strict=True):
        part.suptitle(strip.title, fontsize=10)
        for i, axes in enumerate(part.subplots(n, COLUMNS, squeeze=False).flat):
            if i <= strip.steps:
                strip.draw(axes, i)
            else:
                axes.set_axis_off()
    figure.savefig(path, dpi=DPI, bbox_inches="tight")
    return path


def photographs(scene: Scene) -> list[Image.Image]:
    """Return a picture of every moment, exploration first."""
    steps = scene.story.beliefs.steps
    moments: list[tuple[int, int | None]] = [(step, None) for step in range(steps + 1)]
    moments += [(steps, step) for step in range(len(scene.story.exploitation.actions) + 1)]
    images = []
    # Titles have nothing to make way for, and to look for it takes a seventh of the time.
    with rc_context({"axes.titley": 1.0}):
        for moment in moments:
            figure = Figure(figsize=(10.5, 3.9))  # To clear an old one takes longer.
            scene.frame(figure, *moment)
            images.append(photograph(figure))
    return images


def animate_trial(scene: Scene, path: Path) -> Path:
    """Draw the same, a frame a step, as a GIF."""
    frames = photographs(scene)
    times = [FRAME_MILLISECONDS] * len(frames)
    times[scene.story.beliefs.steps] = times[-1] = LAST_MILLISECONDS
    save_gif(frames, times, path, scene.one_palette)
    return path
