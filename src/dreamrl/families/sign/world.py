"""The place: its walls and objects, how an agent moves in it, and when it touches something.

The ground plane is (x, z), in metres. A heading θ looks along (cos θ, -sin θ), so that turning
left adds to it, and to the right lies (sin θ, cos θ).
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from dreamrl.types import Key

SIZE = (10.0, 13.0)
"""Outer walls: x from 0 to 10, z from 0 to 13."""
SLAB = (6.0, 10.0, 6.5, 6.75)
"""x and z of the one wall inside: past its end at x = 6 lies the way to the sign."""
WALL_HEIGHT = 2.74

BOXES = np.array([(1.0, 1.0), (9.0, 1.0), (9.0, 5.0)])
KEYS = np.array([(5.0, 1.0), (1.0, 5.0), (1.0, 9.0)])
"""Where the blue, the red and the green one stand."""
OBJECTS = np.concatenate([BOXES, KEYS])
RADII = np.repeat([0.8 / math.sqrt(2), 0.73555], 3)

AGENT_RADIUS = 0.4
STRIDE = 0.7
TURN = math.pi / 4
TOUCH = np.float32(RADII + AGENT_RADIUS + 1.1 * STRIDE)
"""Distance from each object's centre at which the agent touches it."""
START = np.array([(3.6, 3.6), (5.4, 6.4)])
"""Lowest and highest (x, z) of a start: as recorded, the definition's rectangle and the agent's
radius around it."""


class Pose(NamedTuple):
    position: Float[Array, "2"]
    """x, z."""
    heading: Float[Array, ""]
    """In radians, not wrapped."""


def start(key: Key) -> Pose:
    """Return a pose anywhere in the middle of the upper room, looking anywhere."""
    key_position, key_heading = jax.random.split(key)
    low, high = jnp.float32(START)
    position = jax.random.uniform(key_position, (2,), minval=low, maxval=high)
    return Pose(position, turns(key_heading, 1)[0])


def turns(key: Key, number: int) -> Float[Array, " number"]:
    """Return headings, evenly spread."""
    return jax.random.uniform(key, (number,), minval=-math.pi, maxval=math.pi)


def move(pose: Pose, action: Int[Array, ""]) -> Pose:
    """Turn left (0) or right (1); stride (2), or step back (3), where no wall is in the way.

    Stepping back is what ending the episode comes to in the original, where the two share a
    number. Objects stop nobody: they are touched, which ends the episode, a stride before that.
    """
    left, right, ahead, back = (jnp.float32(action == i) for i in range(4))
    direction = jnp.stack([jnp.cos(pose.heading), -jnp.sin(pose.heading)])
    position = pose.position + STRIDE * (ahead - back) * direction
    position = jnp.where(blocked(position), pose.position, position)
    return Pose(position, pose.heading + TURN * (left - right))


def blocked(position: Float[Array, "2"]) -> Bool[Array, ""]:
    """Return whether an agent that stood here would stand in a wall."""
    is_outside = (position < AGENT_RADIUS) | (position > jnp.array(SIZE) - AGENT_RADIUS)
    slab = jnp.array(SLAB)
    nearest = jnp.clip(position, slab[0::2], slab[1::2])
    return is_outside.any() | (jnp.linalg.norm(position - nearest) < AGENT_RADIUS)


def touched(position: Float[Array, "2"]) -> Bool[Array, "6"]:
    """Return which objects are near enough to be touched: three boxes, then three keys."""
    return jnp.linalg.norm(jnp.float32(OBJECTS) - position, axis=-1) < TOUCH
