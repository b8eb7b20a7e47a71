"""Encoder f_psi(mu): what about a problem matters (Liu et al. 2021, section 4.2)."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from dreamrl.types import Key, ProblemID


class Encoder(eqx.Module):
    """One mean a training problem: z ~ N(f_psi(mu), rho^2 I). An unknown ID gives NaN."""

    means: Float[Array, "problems Z"]
    ids: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, key: Key, ids: tuple[int, ...], size: int):
        self.ids = tuple(sorted(ids))
        self.means = jax.random.normal(key, (len(ids), size)) / jnp.sqrt(size)

    def __call__(self, problem_id: ProblemID) -> Float[Array, "... Z"]:
        ids = jnp.asarray(np.array(self.ids))
        rows: Int[Array, ...] = jnp.searchsorted(ids, problem_id.value)
        rows = jnp.minimum(rows, len(self.ids) - 1)
        known = ids[rows] == problem_id.value
        return jnp.where(known[..., None], self.means[rows], jnp.nan)


def information(mean: Float[Array, "... Z"]) -> Float[Array, "..."]:
    """KL(N(f, rho^2 I) || N(0, rho^2 I)) times rho^2: the bottleneck's |f|^2 / 2."""
    return jnp.square(mean).sum(-1) / 2
