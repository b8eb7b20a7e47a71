"""Drawings of families, as data: grids, and pictures."""

import base64
import io
import math
from collections.abc import Hashable, Iterable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Shaped
from matplotlib.colors import to_hex
from PIL import Image as Picture

from dreamrl.families.family import Family, HasExploitationNames, action_names
from dreamrl.families.grid import HasDrawing
from dreamrl.figures.trial import photographs, scene_of
from dreamrl.report.schema import Board, FamilyView
from dreamrl.spaces import Discrete, Image, Space, without_said
from dreamrl.story import Story

UNKNOWN_COLOR = "#808080"

Entry = TypeVar("Entry", bound=Hashable)


def view(family: Family, ids: Iterable[int]) -> FamilyView:
    """Return what the page must know of a family to draw these problems."""
    names: Iterable[Any] | None = action_names(family)
    if names is None and isinstance(family.action_space, Discrete):
        names = range(family.action_space.n)
    result: FamilyView = {
        "actions": None if names is None else list(map(str, names)),
        "board": board(family, ids),
    }
    if isinstance(family, HasExploitationNames):
        result["exploits"] = list(map(str, family.exploitation_names))
    return result


def board(family: Family, ids: Iterable[int]) -> Board | None:
    """Return the drawings of problems, each line and mark once; None without any."""
    if not isinstance(family, HasDrawing):
        return None
    lines: dict[tuple[int, int, int, int, str], int] = {}
    marks: dict[tuple[int, int, str, str], int] = {}
    problems: dict[str, tuple[list[int], list[int]]] = {}
    size = 0
    ids = list(ids)
    stack = jax.tree.map(np.asarray, jax.jit(jax.vmap(family.problem))(jnp.array(ids, jnp.int32)))
    for row, problem_id in enumerate(ids):
        drawing = family.drawing(jax.tree.map(lambda x, row=row: x[row], stack))
        size = max(size, int(drawing.size))
        has_lines = [
            _number(lines, (*_whole(line.start), *_whole(line.end), _hex(line.color)))
            for line in drawing.lines
        ]
        has_marks = [
            _number(marks, (*_whole(mark.position), str(mark.text), _hex(mark.color)))
            for mark in drawing.marks
        ]
        problems[str(problem_id)] = (has_lines, has_marks)
    return {"size": size, "lines": list(lines), "marks": list(marks), "problems": problems}


def picture_space(space: Space) -> Image | None:
    """Return the space of what is seen, if that is pictures."""
    inner = without_said(space)
    return inner if isinstance(inner, Image) else None


def pictures(space: Space, observations: Shaped[np.ndarray, "times ..."]) -> list[str] | None:
    """Return observations as PNG images; None where they are none that can be shown."""
    image = picture_space(space)
    if image is None or image.channels not in (1, 3):
        return None
    size = math.prod(image.shape)
    pixels = np.asarray(observations).reshape(len(observations), -1)[:, :size].astype(np.uint8)
    return [png(Picture.fromarray(x.reshape(image.shape).squeeze())) for x in pixels]


def frames(story: Story) -> list[str] | None:
    """Return the figures' drawing of every moment, exploration first.

    None of a family that they cannot draw, and of one that the page draws itself.
    """
    if isinstance(story.family, HasDrawing):
        return None
    scene = scene_of(story)
    return None if scene is None else [png(each.quantize(64)) for each in photographs(scene)]


def png(picture: Picture.Image) -> str:
    """Return a picture as a data: address."""
    content = io.BytesIO()
    picture.save(content, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def _number(numbers: dict[Entry, int], entry: Entry) -> int:
    return numbers.setdefault(entry, len(numbers))


def _whole(place: Any) -> tuple[int, int]:
    return int(place[0]), int(place[1])


def _hex(color: Any) -> str:
    """Return a colour for the page; what Matplotlib does not know is gray."""
    try:
        return to_hex(color)
    except ValueError:
        return UNKNOWN_COLOR
