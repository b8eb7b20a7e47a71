"""Related objectives: other payments for exploration, with all else as DREAM has it.

An objective says what is left to find out after 0, 1, ... T steps of an exploration, and a step is
paid for how much less that becomes (`exploration.information_gain`), as by DREAM, whose is the
decoder's error about z. What it must learn to say so, it learns from the decoder's replay, by a
loss of its own. None of them knows what exploitation needs.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dreamrl.agents.dream.decoder import Decoder, belief_error
from dreamrl.agents.dream.dynamics import Dynamics
from dreamrl.errors import UserError
from dreamrl.families.family import Family, horizon_of, plain_ids
from dreamrl.networks.encoder import HIDDEN, Encoder, make_encoder
from dreamrl.networks.layers import Dense, gated
from dreamrl.spaces import ActionSpace, Space
from dreamrl.types import Key, ProblemID, Trajectory

MOST_PROBLEMS = 4096
"""More can hardly be told apart by an output each."""


class Explored(NamedTuple):
    """Explorations, and the problems they were made in; the leading axis of each leaf is B."""

    trajectory: Trajectory
    problem_id: ProblemID


@runtime_checkable
class Objective(Protocol):
    """An objective of exploration, instead of information about z."""

    def left(self, explored: Explored) -> Float[Array, "B times"]:
        """Return the amount left to find out: [B, T+1]; the first entry is all there is."""
        ...

    def loss(self, explored: Explored) -> Float[Array, ""]:
        """Return the loss that trains it."""
        ...


class PredictDynamics(eqx.Module):
    """Information about the whole dynamics, as a reader of its own can tell them.

    Liu et al. 2021, section 6, and VIME's objective (Houthooft et al. 2016) with a latent that is
    worked out and not learned.
    """

    dynamics: Dynamics
    reader: Decoder

    def __init__(self, key: Key, family: Family, size: int, z: int):
        keys = jax.random.split(key)
        self.dynamics = Dynamics(keys[0], family, z)
        self.reader = Decoder(keys[1], family, size, z)

    def left(self, explored: Explored) -> Float[Array, "B times"]:
        """Return |dynamics - reading|^2."""
        readings = jax.vmap(self.reader.unroll)(explored.trajectory)
        return belief_error(self.dynamics(explored.problem_id)[:, None], readings)

    def loss(self, explored: Explored) -> Float[Array, ""]:
        return self.left(explored).mean()


class BeliefEntropy(eqx.Module):
    """Entropy of the belief about which training problem this is: H(mu | tau_:t), in nats."""

    reader: Decoder
    ids: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, key: Key, family: Family, size: int, z: int):
        if len(family.train_ids) > MOST_PROBLEMS:
            raise UserError(
                f"belief-entropy tells up to {MOST_PROBLEMS:,} training problems apart, and "
                f"{family.name!r} has {len(family.train_ids):,}: choose another objective"
            )
        self.ids = tuple(sorted(plain_ids(family.train_ids)))
        self.reader = Decoder(key, family, size, len(self.ids))

    def left(self, explored: Explored) -> Float[Array, "B times"]:
        log_p = self._log_beliefs(explored)
        return -(jnp.exp(log_p) * log_p).sum(-1)

    def loss(self, explored: Explored) -> Float[Array, ""]:
        """Return -log p(mu | tau_:t), a mean over t = 0 .. T."""
        rows = jnp.searchsorted(jnp.asarray(np.array(self.ids)), explored.problem_id.value)
        targets = jax.nn.one_hot(rows, len(self.ids))
        return -(self._log_beliefs(explored) * targets[:, None]).sum(-1).mean()

    def _log_beliefs(self, explored: Explored) -> Float[Array, "B times problems"]:
        return jax.nn.log_softmax(jax.vmap(self.reader.unroll)(explored.trajectory))


class Outcomes(eqx.Module):
    """(s, a), and what is known beside them -> the next observation and the reward."""

    given: Dense
    known: Dense
    outcome: Dense
    observation_space: Space = eqx.field(static=True)
    action_space: ActionSpace = eqx.field(static=True)

    def __init__(self, key: Key, family: Family, known: int):
        keys = jax.random.split(key, 3)
        self.observation_space, self.action_space = family.observation_space, family.action_space
        observation, action = self.observation_space.features, self.action_space.features
        self.given = Dense(keys[0], observation + action, HIDDEN, gain=2**0.5)
        self.known = Dense(keys[1], known, HIDDEN)
        self.outcome = Dense(keys[2], HIDDEN, observation + 1)

    def errors(
        self, trajectory: Trajectory, known: Float[Array, "B T known"]
    ) -> Float[Array, "B T"]:
        """Return squared errors of B trajectories: -log p up to constants, of variance 1/2."""
        observations = self.observation_space.encode(trajectory.observations)
        actions = self.action_space.encode(trajectory.actions)
        inputs = self.given(jnp.concatenate([observations[:, :-1], actions], axis=-1))
        known = self.known(known)
        # What is known matters in some states and not in others.
        predictions = self.outcome(gated(inputs, known))
        outcomes = jnp.concatenate([observations[:, 1:], trajectory.rewards[..., None]], axis=-1)
        return jnp.square(predictions - outcomes).sum(-1) * trajectory.mask


class PredictionError(eqx.Module):
    """Error of a model p(s', r | s, a) of all problems alike (Pathak et al. 2017).

    It has no memory: where problems differ it stays wrong, however often that was seen.
    """

    model: Outcomes

    def __init__(self, key: Key, family: Family, size: int, z: int):
        self.model = Outcomes(key, family, 1)

    def left(self, explored: Explored) -> Float[Array, "B times"]:
        errors = self._errors(explored)
        return _remainder(errors.sum(1).mean(), errors)

    def loss(self, explored: Explored) -> Float[Array, ""]:
        return self._errors(explored).mean()

    def _errors(self, explored: Explored) -> Float[Array, "B T"]:
        return self.model.errors(
            explored.trajectory, jnp.zeros((*explored.trajectory.mask.shape, 1))
        )


class DynamicsInformation(eqx.Module):
    """Information about the dynamics in what a step shows, by models learned from explorations.

    I(mu; s', r | tau_:t, a) is how much better the outcome can be predicted from the problem than
    from the exploration so far: VIME's expected information (Houthooft et al. 2016), from the side
    of the outcomes. What nobody can predict is paid nothing. One model predicts for both, so that
    what it cannot fit cancels.
    """

    reader: Decoder
    encoder: Encoder
    model: Outcomes

    def __init__(self, key: Key, family: Family, size: int, z: int):
        keys = jax.random.split(key, 3)
        self.reader = Decoder(keys[0], family, size, z)
        self.encoder = make_encoder(keys[1], family, z)
        self.model = Outcomes(keys[2], family, z)

    def left(self, explored: Explored) -> Float[Array, "B times"]:
        reader_errors, encoder_errors = self._errors(explored)
        return _remainder(reader_errors.sum(1).mean(), reader_errors - encoder_errors)

    def loss(self, explored: Explored) -> Float[Array, ""]:
        reader_errors, encoder_errors = self._errors(explored)
        return (reader_errors + encoder_errors).mean()

    def _errors(self, explored: Explored) -> tuple[Float[Array, "B T"], Float[Array, "B T"]]:
        trajectory = explored.trajectory
        readings = jax.vmap(self.reader.unroll)(trajectory)[:, :-1]
        encodings = jnp.broadcast_to(self.encoder(explored.problem_id)[:, None], readings.shape)
        return self.model.errors(trajectory, readings), self.model.errors(trajectory, encodings)


class Novelty(eqx.Module):
    """Observations that this exploration had not made before; nothing is learned."""

    horizon: int = eqx.field(static=True)

    def __init__(self, key: Key, family: Family, size: int, z: int):
        self.horizon = horizon_of(family, exploring=True)

    def left(self, explored: Explored) -> Float[Array, "B times"]:
        trajectory = explored.trajectory
        observations = trajectory.observations.reshape(
            *trajectory.mask.shape[:1], self.horizon + 1, -1
        )
        matches = (observations[:, :, None] == observations[:, None]).all(-1)
        repeats = jnp.tril(matches, -1).any(-1)[:, 1:]
        return _remainder(
            jnp.array(float(self.horizon)), (trajectory.mask & ~repeats).astype(jnp.float32)
        )

    def loss(self, explored: Explored) -> Float[Array, ""]:
        return jnp.zeros(())


OBJECTIVES: dict[str, Callable[[Key, Family, int, int], Objective]] = {
    "predict-dynamics": PredictDynamics,
    "dynamics-information": DynamicsInformation,
    "prediction-error": PredictionError,
    "belief-entropy": BeliefEntropy,
    "novelty": Novelty,
}
"""(key, family, width, z) -> an objective, by its setting."""
LEARNED = tuple(name for name in OBJECTIVES if name != "novelty")
"""Those with parameters."""


def _remainder(total: Float[Array, ""], gains: Float[Array, "B T"]) -> Float[Array, "B times"]:
    """Return what is left of it after each step."""
    begin = jnp.zeros_like(gains[:, :1])
    return total - jnp.concatenate([begin, jnp.cumsum(gains, 1)], axis=1)
