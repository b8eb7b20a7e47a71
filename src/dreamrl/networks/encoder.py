"""Encoder f_psi(mu): what about a problem matters (Liu et al. 2021, section 4.2)."""

from collections.abc import Sequence
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from dreamrl.errors import UserError
from dreamrl.families.family import Family, HasDescriptions, plain_ids
from dreamrl.networks.layers import Dense
from dreamrl.types import Key, ProblemID

HIDDEN = 64


class EmbeddingEncoder(eqx.Module):
    """One mean a training problem: z ~ N(f_psi(mu), rho^2 I).

    An ID that is not of training is a UserError. Compiled code, which can raise none, draws its
    IDs from those of training (`Algorithm.problems`); any other would have the prior's mean, 0.
    """

    means: Float[Array, "problems Z"]
    ids: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, key: Key, ids: Sequence[int], size: int, scale: float = 1.0):
        self.ids = tuple(sorted(int(i) for i in ids))
        self.means = jax.random.normal(key, (len(ids), size)) / jnp.sqrt(size) * scale**0.5

    def __call__(self, problem_id: ProblemID) -> Float[Array, "... Z"]:
        """Return f_psi(mu) of a problem, or of many."""
        _check(problem_id, self.ids)
        ids = jnp.asarray(np.array(self.ids))
        rows: Int[Array, ...] = jnp.searchsorted(ids, problem_id.value)
        rows = jnp.minimum(rows, len(self.ids) - 1)
        is_known = ids[rows] == problem_id.value
        return jnp.where(is_known[..., None], self.means[rows], 0.0)


class MLPEncoder(eqx.Module):
    """The family's description of a problem -> hidden -> the mean, for any number of problems.

    Without a hidden layer what a problem is made of adds up: so do the means of new combinations.
    """

    hidden: Dense | None
    mean: Dense
    family: HasDescriptions = eqx.field(static=True)

    def __init__(
        self,
        key: Key,
        family: HasDescriptions,
        size: int,
        scale: float = 1.0,
        hidden: int = HIDDEN,
    ):
        keys = jax.random.split(key)
        self.family = family
        features = jax.eval_shape(family.describe, jnp.array(0)).shape[0]
        self.hidden = Dense(keys[0], features, hidden, gain=2**0.5) if hidden else None
        self.mean = Dense(keys[1], hidden or features, size, gain=scale**0.5)

    def __call__(self, problem_id: ProblemID) -> Float[Array, "... Z"]:
        """Return f_psi(mu) of a problem, or of many."""
        lead = problem_id.value.shape
        features = jax.vmap(self.family.describe)(problem_id.value.reshape(-1))
        if self.hidden is not None:
            features = jax.nn.relu(self.hidden(features))
        means = self.mean(features)
        return means.reshape(*lead, -1)


def _check(problem_id: ProblemID, ids: Sequence[int]) -> None:
    """Raise UserError for an ID that is none of these, where IDs are known: outside of tracing."""
    if isinstance(problem_id.value, jax.core.Tracer):
        return
    members = set(ids)
    if unknown := [i for i in np.ravel(problem_id.value).tolist() if i not in members]:
        raise UserError(f"problem {unknown[0]} is none of training: the encoder has no z for it")


Encoder: TypeAlias = EmbeddingEncoder | MLPEncoder


def make_encoder(
    key: Key, family: Family, size: int, scale: float = 1.0, hidden: int = HIDDEN
) -> Encoder:
    """Return an encoder of the family's descriptions or, where it has none, of problem IDs.

    `scale` is the mean of |f|^2 that it begins with, and `hidden` the width between a description
    and its mean; 0: none.

    Raises:
        UserError: For another width where nothing is described.
    """
    if isinstance(family, HasDescriptions):
        return MLPEncoder(key, family, size, scale, hidden)
    if hidden != HIDDEN:
        raise UserError(f"{family.name} describes no problems: encoding.hidden is not for it")
    return EmbeddingEncoder(key, plain_ids(family.train_ids), size, scale)


def bottleneck_penalty(mean: Float[Array, "... Z"], free: float = 0.0) -> Float[Array, "..."]:
    """Return KL(N(f, rho^2 I) || N(0, rho^2 I)) times rho^2: the bottleneck's |f|^2 / 2.

    Of |f|^2, what is below `free` does not count.
    """
    return jnp.maximum(jnp.square(mean).sum(-1) - free, 0.0) / 2
