"""The conditions of each trial of training: its exploration, and the z of its exploitations."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from dreamrl.agents.dream.settings import DreamSettings
from dreamrl.trial import TrialKeys
from dreamrl.types import Key, ProblemID


class Conditions(NamedTuple):
    """The conditions of one trial in training."""

    problem_id: ProblemID
    random: Float[Array, ""]
    """Probability that an action of the exploration is random: 0 for most trials."""
    on_purpose: Bool[Array, ""]
    """True where the exploration is the policy's: only then are last beliefs acted on."""
    decoded: Bool[Array, " N"]
    """Which exploitation episodes act on the last belief; the others on an early one, where
    there are any, or on the encoder's z."""
    noise: Float[Array, "N Z"]
    """Of z, in each exploitation episode."""
    early: Int[Array, " N"] | None = None
    """After how many steps of the exploration the belief stands that an episode acts on; -1: it
    acts on the last one, or on the encoder's z. None: no episode acts on an early belief."""

    @property
    def believed(self) -> Bool[Array, "*B N"]:
        """Which exploitation episodes act on the decoder's z, the last or an early one."""
        return self.decoded if self.early is None else self.decoded | (self.early >= 0)

    def with_plain_beliefs(self) -> "Conditions":
        """Return the same conditions with noise on the encoder's z alone, as at meta-test."""
        return self._replace(noise=jnp.where(self.believed[..., None], 0.0, self.noise))

    def beliefs(self, after: Float[Array, "times Z"]) -> Float[Array, "N Z"]:
        """Return each exploitation's belief, of those after 0, 1, ... T steps."""
        last = jnp.full(self.decoded.shape, -1)
        return after[last if self.early is None else self.early]


Early = Callable[[Key, Bool[Array, " B"], tuple[int, ...]], Int[Array, "B N"]]
"""(key, which trials explore at random, [B, N]) -> `Conditions.early`."""


def draw(
    settings: DreamSettings,
    problem_id: ProblemID,
    decoder_share: Float[Array, ""],
    key: Key,
    key_episodes: Key,
    early: Early | None = None,
) -> tuple[Conditions, TrialKeys]:
    """Draw the conditions of an iteration's trials, and the random keys to play them with.

    Args:
        decoder_share: Of all exploitation episodes, those that act on the last belief.
        early: Draws which of them act on an early one instead; None: none does.
    """
    count, episodes = settings.budget.trials, settings.budget.episodes
    random_share = settings.exploration.random_share
    random = jnp.arange(count) < random_share * count
    keys = jax.vmap(jax.random.split)(jax.random.split(key, count))
    frequency = jnp.where(random, jax.vmap(jax.random.uniform)(keys[:, 1]), 0.0)
    key_share, key_noise, key_play = jax.random.split(key_episodes, 3)
    # Only explorations of the policy's own are decoded, so their share is larger.
    share = decoder_share / (1 - random_share)
    decoded = jax.random.bernoulli(key_share, jnp.minimum(share, 1.0), (count * episodes,))
    noise = jax.random.normal(key_noise, (count * episodes, settings.encoding.z))
    play_keys = jax.vmap(jax.random.split)(jax.random.split(key_play, count * episodes))
    decoded, noise, play_keys = (
        x.reshape(count, episodes, *x.shape[1:])
        for x in (decoded, settings.encoding.rho * noise, play_keys)
    )
    decoded, ages = decoded & ~random[:, None], None
    if early is not None:
        ages = early(jax.random.fold_in(key_share, 1), random, decoded.shape)
        decoded = decoded & (ages < 0)
    conditions = Conditions(problem_id, frequency, ~random, decoded, noise, ages)
    return conditions, TrialKeys(keys[:, 0], play_keys[:, :, 0], play_keys[:, :, 1])
