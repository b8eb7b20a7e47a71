"""DREAM's four components, and the three groups in which they are trained."""

from typing import NamedTuple

import equinox as eqx
import optax
from jaxtyping import Array, PyTree

from dreamrl.agents.dream.agent import DreamAgent
from dreamrl.agents.dream.decoder import Decoder
from dreamrl.agents.dream.dynamics import Dynamics
from dreamrl.agents.dream.encoder import Encoder, make_encoder
from dreamrl.agents.dream.exploration import ExplorationPolicy
from dreamrl.agents.dream.settings import DreamSettings
from dreamrl.agents.policy import InstructedPolicy
from dreamrl.agents.q_settings import barred
from dreamrl.families.family import Family
from dreamrl.types import ProblemID, Trajectory


class Components(NamedTuple):
    encoder: Encoder
    exploitation: InstructedPolicy
    exploration: ExplorationPolicy
    decoder: Decoder


class Optimisers(NamedTuple):
    exploitation: optax.OptState
    """Of the encoder too: the two share one objective."""
    exploration: optax.OptState
    decoder: optax.OptState


class Explored(NamedTuple):
    """What the decoder learns from; it stays in the replay."""

    trajectory: Trajectory
    problem_id: ProblemID


def make_components(keys: Array, family: Family, settings: DreamSettings) -> Components:
    """Each with its own one of four keys."""
    observations, actions = family.observation_space, family.action_space
    width, narrow, z = settings.hidden, settings.exploration_hidden, settings.z
    if settings.objective == "predict-dynamics":
        encoder: Encoder = Dynamics(keys[0], family, z)
    else:
        encoder = make_encoder(keys[0], family, z)
    return Components(
        encoder,
        InstructedPolicy(
            keys[1],
            observations,
            actions,
            family.goal_space,
            width,
            z,
            barred=barred(settings.may_end, family),
        ),
        ExplorationPolicy(
            keys[2],
            observations,
            actions,
            narrow,
            z,
            barred=family.end_action,
            random=settings.explorer == "random",
        ),
        Decoder(keys[3], observations, actions, settings.decoder_hidden or narrow, z),
    )


def agent_of(params: Components) -> DreamAgent:
    """What meta-test gets: all but the encoder."""
    return DreamAgent(params.exploration, params.decoder, params.exploitation)


def parts(
    params: Components,
) -> tuple[tuple[Encoder, InstructedPolicy], ExplorationPolicy, Decoder]:
    """The three groups that are trained apart."""
    return (params.encoder, params.exploitation), params.exploration, params.decoder


def first_optimisers(adam: optax.GradientTransformation, params: Components) -> Optimisers:
    return Optimisers(*(adam.init(part) for part in parts(params)))


def descend(
    adam: optax.GradientTransformation, params: Components, state: Optimisers, grads: PyTree
) -> tuple[Components, Optimisers]:
    """One step of each part by its own gradient; `grads` are in the order of `parts`."""
    moved = [
        adam.update(grad, old, part)
        for grad, old, part in zip(grads, state, parts(params), strict=True)
    ]
    changed = [eqx.apply_updates(p, u) for p, (u, _) in zip(parts(params), moved, strict=True)]
    (encoder, exploitation), exploration, decoder = changed
    after = Components(encoder, exploitation, exploration, decoder)
    return after, Optimisers(*(state for _, state in moved))
