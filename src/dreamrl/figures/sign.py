"""A trial of `sign`: what the agent saw, beside the rooms and its way from above."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Annulus, Circle, Patch, Polygon, Rectangle
from matplotlib.transforms import Affine2D

from dreamrl.evaluation import per_family
from dreamrl.families.family import horizon_of
from dreamrl.families.sign.letters import LENGTHS, WORDS
from dreamrl.families.sign.view import BOARD, HOLE, KEY, LENS, readable, render
from dreamrl.families.sign.world import (
    AGENT_RADIUS,
    BOXES,
    OBJECTS,
    SIZE,
    SLAB,
    TOUCH,
)
from dreamrl.figures.panels import draw_knowledge, draw_shares, say_moment
from dreamrl.figures.scene import Strip
from dreamrl.story import Story

COLORS = ("tab:blue", "tab:red", "tab:green")
"""Of the words, and of the objects of these colours."""
WALL, READ, LIGHT = "0.35", "darkorange", "gold"
KINDS = ("box", "key")
CELL = 1.4
"""Width of the small pictures, about, in inches."""
ARROW = 0.55
"""Length of headings, in metres."""
RAYS = 60
"""Rays that the field of view is drawn with."""
EYE_HEIGHT = 120
"""Rows of the view for people: the agent's may be too small to recognise anything."""
NUMBERED = 5
"""Every so many steps of a way are numbered."""
KEY_GROWN = 1.5
"""Keys are drawn larger than they are, to be told from boxes."""


class _Episode(NamedTuple):
    """All but the actions is [n+1]: before the first step, and after each."""

    pictures: np.ndarray
    views: np.ndarray
    """A person's view there: larger, in plain light, the sign in a neat hand."""
    read: list[bool]
    """True where a picture of the agent's size shows enough of the sign to read it."""
    actions: np.ndarray
    places: np.ndarray
    headings: np.ndarray
    turns: np.ndarray
    """[6]: the objects'."""


class SignScene:
    """A story in the rooms; the map is of a replay, since pictures do not say where one stands."""

    one_palette = False

    def __init__(self, story: Story):
        family: Any = story.family
        self.story = story
        self.tall = CELL * family.height / family.width
        self.half_angle = math.degrees(math.atan(LENS * family.width / family.height))
        self.episodes = _episodes(story)

    def walk(self, axes: Axes, steps: int, exploring: bool) -> None:
        episode = self.episodes[exploring]
        _draw_rooms(axes, self.story.problem_id)
        for i, turn in enumerate(episode.turns.tolist()):
            _draw_object(axes, i, turn)
        part = slice(steps + 1)
        _draw_way(axes, episode.places[part], episode.headings[part], self.half_angle)
        title = say_moment(self.story, steps, exploring)
        if not exploring:
            kind = int(self.story.goal)
            target = 3 * kind + self.story.problem_id
            _draw_reach(axes, target, color=LIGHT, alpha=0.35, lw=0, zorder=0.5)
            title += f"\ngoal: the {KINDS[kind]} of the sign's colour"
        axes.set_title(title, fontsize=10)

    def strips(self) -> list[Strip]:
        shares = self.story.beliefs.confidence

        def draw_exploration(axes: Axes, step: int) -> None:
            self._cell(axes, step, exploring=True)
            if shares is not None:
                bars = axes.inset_axes((0.24, -0.48 / self.tall, 0.76, 0.42 / self.tall))
                draw_shares(bars, shares[step], WORDS, COLORS, fontsize=6)

        def draw_exploitation(axes: Axes, step: int) -> None:
            self._cell(axes, step, exploring=False)

        suffix = "" if shares is None else ", and believed of what the sign says"
        title = f"seen in exploration{suffix} (framed: the sign can be read)"
        height, bars = 0.6 + self.tall, 0 if shares is None else 0.35
        steps_x, steps_e = (len(self.episodes[exploring].actions) for exploring in (True, False))
        return [
            Strip(title, steps_x, height + bars, draw_exploration),
            Strip("seen in exploitation", steps_e, height, draw_exploitation),
        ]

    def frame(self, figure: Figure, explored: int, exploited: int | None) -> None:
        figure.subplots_adjust(0.015, 0.13, 0.985, 0.86, wspace=0.1, hspace=0.55)
        panels = figure.subplot_mosaic(
            [["view", "map", "belief"], ["given", "map", "known"]],
            width_ratios=(1.2, 0.95, 1),
            height_ratios=(1.7, 1),
        )
        steps, exploring = (explored, True) if exploited is None else (exploited, False)
        episode = self.episodes[exploring]
        _show(panels["view"], episode.views[steps], episode.read[steps])
        remark = ": the sign can be read" if episode.read[steps] else ""
        panels["view"].set_title(f"from the agent's place{remark}", fontsize=10)
        _show(panels["given"], episode.pictures[steps], episode.read[steps])
        size = " x ".join(map(str, episode.pictures.shape[1:3]))
        panels["given"].set_title(f"what the agent is given: {size}", fontsize=10)
        self.walk(panels["map"], steps, exploring)
        shares = self.story.beliefs.confidence
        if shares is None:
            panels["belief"].set_axis_off()
        else:
            draw_shares(panels["belief"], shares[explored], WORDS, COLORS, fontsize=9)
            panels["belief"].set_title("believed of what the sign says", fontsize=10)
        draw_knowledge(panels["known"], self.story.beliefs, explored)

    def _cell(self, axes: Axes, step: int, exploring: bool) -> None:
        """Draw a picture of a strip, with the action that led to it."""
        episode = self.episodes[exploring]
        _show(axes, episode.pictures[step], episode.read[step])
        actions = episode.actions
        words = f"{step} {self.story.name_of(actions[step - 1])}" if step else "0"
        axes.set_title(words, fontsize=8)


def _show(axes: Axes, picture: np.ndarray, is_readable: bool) -> None:
    """Draw a picture, framed where the sign can be read."""
    axes.imshow(picture, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    if is_readable:
        axes.spines[:].set(color=READ, linewidth=3)


def _episodes(story: Story) -> dict[bool, _Episode]:
    """Return the exploration under True, the exploitation under False."""
    family: Any = story.family
    longest = horizon_of(family, exploring=True) + horizon_of(family, exploring=False) + 2
    states = [*story.states(True), *story.states(False)]
    # Of one length, so that all trials of the family are seen by one program.
    sequence = states + states[-1:] * (longest - len(states))
    poses, turns = jax.tree.map(lambda *x: np.stack(x), *[(s.pose, s.turns) for s in sequence])
    look = per_family(_look_around, family, soon=True)
    views, flags = jax.tree.map(np.asarray, look(np.int32(story.problem_id), poses, turns))
    first = len(story.states(True))
    parts = {True: slice(first), False: slice(first, len(states))}
    trajectories = {True: story.beliefs.trajectory, False: story.exploitation}
    return {
        exploring: _Episode(
            np.asarray(trajectories[exploring].observations),
            views[part],
            flags[part].tolist(),
            np.asarray(trajectories[exploring].actions),
            poses.position[part],
            poses.heading[part],
            turns[part][0],
        )
        for exploring, part in parts.items()
    }


def _look_around(family: Any) -> Callable[..., Any]:
    """Return (word, poses, turns) -> what people see there, and whether agents can read it."""
    size = family.height, family.width
    large = EYE_HEIGHT, round(EYE_HEIGHT * family.width / family.height)

    def one(word: Any, pose: Any, turns: Any) -> Any:
        return render(word, pose, turns, *large), readable(word, pose, turns, *size)

    return jax.vmap(one, (None, 0, 0))


def _draw_rooms(axes: Axes, color: int) -> None:
    """Draw walls, and the sign with what it says; z runs down, so that left is to the left."""
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_xlim(-0.3, SIZE[0] + 1.0)
    axes.set_ylim(SIZE[1] + 0.3, -0.3)
    axes.add_patch(Rectangle((0, 0), *SIZE, fc="0.97", ec=WALL, lw=2.5, zorder=0))
    x0, x1, z0, z1 = SLAB
    axes.add_patch(Rectangle((x0, z0), x1 - x0, z1 - z0, color=WALL, zorder=1))
    x, z, _, _ = BOARD
    length = LENGTHS[color]
    axes.add_patch(Rectangle((x - 0.2, z - length / 2), 0.4, length, fc="w", ec="k", zorder=2))
    axes.text(
        x + 0.6,
        z,
        WORDS[color],
        color=COLORS[color],
        rotation=-90,
        va="center",
        ha="center",
        weight="bold",
        fontsize=9,
    )


def _draw_object(axes: Axes, i: int, turn: float) -> None:
    """Draw a box, or a key as if it lay on the ground, and how near it is touched."""
    place, color = OBJECTS[i], COLORS[i % 3]
    _draw_reach(axes, i, fill=False, ec=color, lw=0.8, ls=":", zorder=1)
    is_key = i >= len(BOXES)
    transform = Affine2D().scale(KEY_GROWN if is_key else 1).rotate(-turn).translate(*place)
    look: Any = {"color": color, "lw": 0, "zorder": 2, "transform": transform + axes.transData}
    if not is_key:
        axes.add_patch(Rectangle((-0.4, -0.4), 0.8, 0.8, **look))
        return
    (ring, radius, *_), *rest = KEY
    axes.add_patch(Annulus((0, ring), radius, radius - HOLE[1], **look))
    for middle, length, _, foot, top in rest:
        axes.add_patch(Rectangle((foot - radius, middle - length), top - foot, 2 * length, **look))


def _draw_reach(axes: Axes, i: int, **look: Any) -> None:
    """Draw the circle in which an object is touched."""
    _add_clipped(axes, Circle(OBJECTS[i], np.asarray(TOUCH)[i], **look))


def _draw_way(axes: Axes, places: np.ndarray, headings: np.ndarray, half_angle: float) -> None:
    """Draw where the agent stood and looked, the darker the later, and what it looks at now."""
    axes.plot(*places.T, color="0.6", lw=1, zorder=3)
    directions = np.stack([np.cos(headings), -np.sin(headings)])
    times = np.linspace(0.25, 1, len(places))
    look: Any = {"angles": "xy", "scale_units": "xy", "scale": 1 / ARROW, "width": 0.008}
    axes.quiver(*places.T, *directions, times, cmap="Greys", clim=(0, 1), zorder=4, **look)
    for step in range(0, len(places), NUMBERED):
        label = places[step] + 0.6 * np.array([-directions[1, step], directions[0, step]])
        axes.text(label[0], label[1], str(step), fontsize=6, ha="center", va="center", zorder=4)
    place, spread = places[-1], math.radians(half_angle)
    angles = headings[-1] + np.linspace(-spread, spread, RAYS)
    rays = np.stack([np.cos(angles), -np.sin(angles)], axis=1)
    edge = place + _distance_to_wall(place, rays)[:, None] * rays
    sight = np.concatenate([[place], edge])
    axes.add_patch(Polygon(sight, color=LIGHT, alpha=0.35, lw=0, zorder=0.8))
    axes.add_patch(Circle(place, AGENT_RADIUS, color="0.1", lw=0, zorder=5))
    nose = np.transpose([place, place + 0.8 * AGENT_RADIUS * directions[:, -1]])
    axes.plot(*nose, color="w", lw=2, solid_capstyle="butt", zorder=6)


def _distance_to_wall(place: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Return how far each ray goes before it meets a wall, in metres."""
    rays = np.where(np.abs(rays) < 1e-9, 1e-9, rays)
    to_outer = np.maximum(-place / rays, (np.array(SIZE) - place) / rays).min(1)
    # The wall between the rooms is a box: a ray is in it from its last entry to its first exit.
    x0, x1, z0, z1 = SLAB
    near, far = (np.array([x0, z0]) - place) / rays, (np.array([x1, z1]) - place) / rays
    enters, leaves = np.minimum(near, far).max(1), np.maximum(near, far).min(1)
    return np.where((enters > 0) & (enters < leaves), np.minimum(enters, to_outer), to_outer)


def _add_clipped(axes: Axes, patch: Patch) -> None:
    """Add what ends at the outer walls."""
    axes.add_patch(patch)
    patch.set_clip_path(Rectangle((0, 0), *SIZE, transform=axes.transData))
