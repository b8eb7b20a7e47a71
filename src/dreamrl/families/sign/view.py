"""The agent's view, in two passes: along each column of the picture, then row by row.

Walls, boxes and keys stand upright and the camera is level. So one ray a column says how far
everything in it is, and between which heights of the picture it lies; what remains to be done for
a pixel is to compare and to choose. Heights v in the picture are tangents: a point y above the
ground at depth t is seen at v = (y - EYE) / t.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, UInt8

from dreamrl.families.sign.letters import COLUMNS, GRAIN, LENGTHS, TOP
from dreamrl.families.sign.world import BOXES, KEYS, SIZE, SLAB, WALL_HEIGHT, Pose

EYE = 1.5
LENS = math.tan(math.radians(60 / 2))
"""Half of the vertical field of view."""
AMBIENT, DIFFUSE = 0.65, 0.7
LIGHT = 0.265
"""How much of the light comes from +x, and from +z; what faces up is lit fully."""

Part = tuple[float, float, float, float, float]
"""Upright part of an object: middle and half of its length, half its thickness, y from and to."""
BOX: tuple[Part, ...] = ((0.0, 0.4, 0.4, 0.0, 0.8),)
KEY: tuple[Part, ...] = (
    (-0.426, 0.3, 0.12, 0.0, 0.6),
    (0.268, 0.458, 0.088, 0.213, 0.388),
    (0.402, 0.065, 0.037, 0.013, 0.213),
    (0.605, 0.065, 0.037, 0.013, 0.213),
)
"""Ring, shaft and two teeth."""
HOLE: Part = (-0.426, 0.2, 0.12, 0.1, 0.5)
FAR = 1e9
"""Depth of what is not seen: a number, as infinity would set off `JAX_DEBUG_INFS`."""
KEY_SHINE = 1 / 0.3
"""Keys are lit more: the original scales the normals of their surfaces with the keys."""
SHIFTS = (16, 0, 8)
"""Where the colour of the blue, the red and the green ones lies in a pixel of four bytes."""

BOARD = (9.95, 10.25, 0.85, 1.85)
"""The sign: its x, the z of its middle, its y from and to."""
WHITE = 255 * AMBIENT
THIRDS = (-1 / 3, 0.0, 1 / 3)
"""Where a pixel is sampled for letters, each way, in pixels from its middle."""
READABLE = 8 / 60
"""Share of the picture's height that the sign has to fill to be read."""

Column = Float[Array, " width"]
Flat = tuple[Float[Array, "..."], Float[Array, "..."]]
"""x and z apart, so that the compiler sees long arrays only."""


class Object(NamedTuple):
    """An object along each column: heights in the picture, of nothing where it is not seen."""

    depth: Column
    low: Column
    crest: Column
    """Above it the top is seen."""
    high: Column
    side: Column
    """Brightness below the crest, 0 to 255."""
    through: tuple[Column, Column] | None
    """Between which heights one sees through it, if it is a key."""


class Columns(NamedTuple):
    """All that is worked out once a column."""

    ray: Flat
    """x and z gone by per unit of depth."""
    wall: Column
    """Depth."""
    along: Column
    """Strength of the streaks."""
    bright: Column
    board: Column
    """Depth of the sign; FAR where it is not seen."""
    ink: Column
    """How many of three places across the column are black, two bits for each row of squares."""
    boxes: Object
    keys: Object
    """Three each, with a leading axis."""


class Row(NamedTuple):
    """All that is known of a row of pixels beforehand."""

    v: Float[Array, ""]
    ground: Float[Array, ""]
    """Depth of the floor or the ceiling."""
    mean: Float[Array, ""]
    contrast: Float[Array, ""]
    sharp: Float[Array, ""]
    """How steep the edges between the squares of the floor are; low where they blur to gray."""
    blue: Float[Array, ""]


@functools.partial(jax.jit, static_argnames=("height", "width"))
def render(
    word: Int[Array, ""],
    pose: Pose,
    turns: Float[Array, "6"],
    height: int = 60,
    width: int = 80,
    hand: Int[Array, ""] | int = 0,
) -> UInt8[Array, "height width 3"]:
    """Return the picture from `pose`: `word` is what the sign says, `turns` the objects' headings.

    `hand` is the one that wrote the word, of `letters.HANDS`; 0 writes neatly.

    Turned by 0, a box faces along the axes, and a key's length lies along z with its teeth at the
    far end.
    """
    pixel = 2 * LENS / height
    columns = _look(word, hand, pose, turns, pixel, width)

    rows = _rows(pixel, height)
    # One array, for the compiler makes no use of vector instructions where there are many.
    flat, unpack = ravel_pytree(columns)

    # Row by row, since in one go it works out the columns anew for each of their pixels.
    def paint(i: Array | int, picture: Array) -> Array:
        row = jax.tree.map(lambda x: x[i], rows)
        return picture.at[i].set(_paint(unpack(flat), pose, row, pixel))

    pixels = jax.lax.fori_loop(0, height, paint, jnp.zeros((height, width), jnp.int32))
    return jax.lax.bitcast_convert_type(pixels, jnp.uint8)[..., :3]


def sign_seen(picture: UInt8[Array, "height width 3"]) -> Bool[Array, ""]:
    """Return whether a picture of `render` shows enough of the sign to read it.

    Those columns count in which the sign fills at least `READABLE` of the height, without being
    cut off above or below. They must be as many as two letters are wide, or half of the picture.
    """
    height, width, _ = picture.shape
    # Nothing but the sign is a pure gray.
    gray = (picture[..., 0] == picture[..., 1]) & (picture[..., 1] == picture[..., 2])
    tall = gray.sum(0)
    is_whole = (tall >= READABLE * height) & ~gray[0] & ~gray[-1]
    return is_whole.sum() >= jnp.minimum(2 * (tall * is_whole).max(), width / 2).clip(1)


def readable(
    word: Int[Array, ""], pose: Pose, turns: Float[Array, "6"], height: int, width: int
) -> Bool[Array, ""]:
    """Return `sign_seen` of what is drawn from there: of pictures whose own colours do not tell."""
    return sign_seen(render(word, pose, turns, height, width))


def _look(
    word: Int[Array, ""],
    hand: Int[Array, ""] | int,
    pose: Pose,
    turns: Float[Array, "6"],
    pixel: float,
    width: int,
) -> Columns:
    x, z = pose.position
    right = jnp.sin(pose.heading), jnp.cos(pose.heading)
    offsets = np.float32(pixel * (np.arange(width) + 0.5 - width / 2))
    ray = right[1] + offsets * right[0], -right[0] + offsets * right[1]

    x0, x1, z0, z1 = SLAB
    half = (SIZE[0] / 2, SIZE[1] / 2)
    _, room_end, room_across = _crossing((x - half[0], z - half[1]), ray, half)
    middle, half = ((x0 + x1) / 2, (z0 + z1) / 2), ((x1 - x0) / 2, (z1 - z0) / 2)
    slab_entry, slab_end, slab_across = _crossing((x - middle[0], z - middle[1]), ray, half)
    is_slab = (slab_entry > 0) & (slab_entry < slab_end)
    wall = jnp.where(is_slab, slab_entry, room_end)
    is_across = jnp.where(is_slab, slab_across, room_across)
    # A wall that is met across z runs along x.
    streaks = 150 * _wave(0.6 * jnp.where(is_across, x + wall * ray[0], z + wall * ray[1]))
    bright = _brightness(-LIGHT * jnp.sign(jnp.where(is_across, ray[1], ray[0])))

    board_x, board_z, _, _ = BOARD
    length = jnp.asarray(LENGTHS)[word]
    ink = jnp.zeros(width, jnp.int32)
    for third in THIRDS:
        depth = (board_x - x) / _nonzero(ray[0] + third * pixel * right[0])
        letters = z + depth * (ray[1] + third * pixel * right[1]) - board_z + length / 2
        square = jnp.floor(letters * GRAIN).astype(jnp.int32)
        square = jnp.where(square < 0, COLUMNS.shape[-1], square)
        ink += jnp.asarray(COLUMNS)[hand, word].at[square].get(mode="fill", fill_value=0)
    depth = (board_x - x) / _nonzero(ray[0])
    is_seen = (depth > 0) & (depth < wall)
    is_seen &= jnp.abs(z + depth * ray[1] - board_z) < length / 2
    board = jnp.where(is_seen, depth, FAR)

    def objects(parts: tuple[Part, ...], places: np.ndarray, turns: Array) -> Object:
        origins = x - jnp.float32(places[:, 0]), z - jnp.float32(places[:, 1])
        trace = functools.partial(_object, parts, ray=ray, wall=wall)
        return jax.vmap(trace)(origins, turns)

    boxes, keys = objects(BOX, BOXES, turns[:3]), objects(KEY, KEYS, turns[3:])
    return Columns(ray, wall, streaks, bright, board, ink.astype(jnp.float32), boxes, keys)


def _crossing(
    origin: Flat, ray: Flat, half: tuple[float, float]
) -> tuple[Column, Column, Bool[Array, " width"]]:
    """Return depths at which rays enter and leave a rectangle around 0, and whether by axis 1.

    A ray that misses it leaves before it enters. Across which axis is said of entering, or of
    leaving where the origin is inside.
    """
    inverse = [1 / _nonzero(r) for r in ray]
    middle = [-o * i for o, i in zip(origin, inverse, strict=True)]
    reach = [h * jnp.abs(i) for h, i in zip(half, inverse, strict=True)]
    near = [m - r for m, r in zip(middle, reach, strict=True)]
    far = [m + r for m, r in zip(middle, reach, strict=True)]
    entry, end = jnp.maximum(*near), jnp.minimum(*far)
    return entry, end, jnp.where(entry > 0, near[1] > near[0], far[1] < far[0])


def _object(parts: tuple[Part, ...], origin: Flat, turn: Array, ray: Flat, wall: Column) -> Object:
    cos, sin = jnp.cos(turn), jnp.sin(turn)

    def rotate(x: Array, z: Array) -> Flat:
        return cos * x - sin * z, sin * x + cos * z

    origin, ray = rotate(*origin), rotate(*ray)
    is_key = parts is KEY
    light = [(KEY_SHINE if is_key else 1) * part for part in rotate(*jnp.float32([LIGHT, LIGHT]))]
    depth = jnp.full(wall.shape, FAR)
    low, crest, high, side = depth, -depth, -depth, jnp.zeros(wall.shape)
    for middle, length, thick, foot, top in parts:
        entry, end, is_across = _crossing((origin[0], origin[1] - middle), ray, (thick, length))
        hits = (entry > 0) & (entry < end) & (entry < wall)
        facing = jnp.where(is_across, -light[1] * jnp.sign(ray[1]), -light[0] * jnp.sign(ray[0]))
        side = jnp.where(hits & (entry < depth), _brightness(facing), side)
        depth = jnp.where(hits, jnp.minimum(depth, entry), depth)
        low = jnp.where(hits, jnp.minimum(low, (foot - EYE) / entry), low)
        crest = jnp.where(hits, jnp.maximum(crest, (top - EYE) / entry), crest)
        high = jnp.where(hits, jnp.maximum(high, (top - EYE) / end), high)
    ring = _ring_opening(origin, ray) if is_key else None
    return Object(depth, low, crest, high, jnp.round(255 * side), ring)


def _ring_opening(origin: Flat, ray: Flat) -> tuple[Column, Column]:
    """Return heights seen through a key's ring: above its lower edge, below its upper one."""
    middle, length, thick, foot, top = HOLE
    inverse = 1 / _nonzero(ray[0])
    near = -origin[0] * inverse - thick * jnp.abs(inverse)
    far = near + 2 * thick * jnp.abs(inverse)
    front, back = (jnp.abs(origin[1] + t * ray[1] - middle) < length for t in (near, far))
    high = jnp.where(front & back & (near > 0), (top - EYE) / near, -FAR)
    return (foot - EYE) / far, high


def _rows(pixel: float, height: int) -> Row:
    """Return [height] each."""
    v = pixel * (height / 2 - 0.5 - np.arange(height))
    is_floor = v < 0
    # An odd number of rows has one that looks at neither.
    v = np.where(v == 0, 1e-6, v)
    depth = np.where(is_floor, -EYE, WALL_HEIGHT - EYE) / v
    footprint = depth * pixel / np.abs(v)
    return Row(
        v=jnp.float32(v),
        ground=jnp.float32(depth),
        mean=jnp.where(is_floor, 135.0, 106.0),
        contrast=jnp.where(is_floor, 87.0, 3.0),
        sharp=jnp.float32(0.85 / np.maximum(footprint, 0.02)),
        blue=jnp.where(is_floor, 0.965, 1.012),
    )


def _paint(columns: Columns, pose: Pose, row: Row, pixel: float) -> Int[Array, " width"]:
    """Return one row of pixels, each of them red, green and blue in one number."""
    squares = [
        jnp.clip(row.sharp * _wave(2 * (place + row.ground * ray) - 0.25), -1, 1)
        for place, ray in zip(pose.position, columns.ray, strict=True)
    ]
    gray = row.mean + row.contrast * squares[0] * squares[1]

    y = row.v * columns.wall
    is_wall = (y > -EYE) & (y < WALL_HEIGHT - EYE)
    gray = jnp.where(is_wall, columns.bright * (156 + columns.along * _wave(2.3 * y)), gray)
    blue = jnp.where(is_wall, 0.968, row.blue)

    _, _, low, high = BOARD
    bits = columns.ink.astype(jnp.int32)
    offset = (high - EYE - row.v * columns.board) * GRAIN
    is_board = (offset > 0) & (offset < (high - low) * GRAIN)
    ink = jnp.zeros_like(bits)
    for third in THIRDS:
        square = jnp.floor(offset - TOP + third * pixel * GRAIN * columns.board)
        ink += (bits >> 2 * square.astype(jnp.int32)) & 3
    gray = jnp.where(is_board, WHITE * (1 - 0.1 * ink), gray)
    blue = jnp.where(is_board, 1.0, blue)

    green = jnp.where(blue < 1, 0.992, 1.0)
    channels = [(gray * tint + 0.5).astype(jnp.int32) for tint in (1, green, blue)]
    color = channels[0] | channels[1] << 8 | channels[2] << 16
    depth = jnp.full(color.shape, FAR)
    for i, shift in enumerate(SHIFTS * 2):
        thing = jax.tree.map(lambda x, i=i: x[i % 3], columns.boxes if i < 3 else columns.keys)
        hit = (row.v > thing.low) & (row.v < thing.high) & (thing.depth < depth)
        if thing.through is not None:
            hit &= (row.v < thing.through[0]) | (row.v > thing.through[1])
        shade = jnp.where(row.v > thing.crest, 255, thing.side).astype(jnp.int32) << shift
        color, depth = jnp.where(hit, shade, color), jnp.where(hit, thing.depth, depth)
    return color


def _brightness(facing: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return brightness of a surface, 0 to 1, by how much it faces the light."""
    return jnp.minimum(AMBIENT + DIFFUSE * jnp.maximum(facing, 0), 1)


def _nonzero(x: Float[Array, "..."]) -> Float[Array, "..."]:
    return jnp.where(jnp.abs(x) < 1e-6, 1e-6, x)


def _wave(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return a triangle wave between -0.25 and 0.25, of period 1."""
    return 0.25 - jnp.abs(x - jnp.round(x))
