"""For families in which there is but one thing to be asked for: to be paid."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from dreamrl.spaces import Discrete
from dreamrl.types import Key, Problem

ONE_GOAL = Discrete(1)


def the_goal(key: Key, problem: Problem) -> Int[Array, ""]:
    """Return a family's `sample_goal`."""
    return jnp.array(0)


def all_goals(problem: Problem) -> tuple[Int[Array, " 1"], Float[Array, " 1"]]:
    """Return a family's `goals`."""
    return jnp.array([0]), jnp.array([1.0])
