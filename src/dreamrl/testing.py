"""Tools for writing or doubting a family: replay a sequence of actions, check the rules."""

import functools
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from dreamrl.errors import FamilyError, UserError, without_jax
from dreamrl.families.adapted import adapted
from dreamrl.families.checks import find_faults
from dreamrl.families.family import CanObserve, Family, horizon_of
from dreamrl.host import in_own_switches
from dreamrl.trial import Choice, Episode, rollout
from dreamrl.values import Whole, shown

Numbers = Sequence[Any] | np.ndarray | jax.Array


class Replay(NamedTuple):
    """One episode as NumPy arrays; `observations` and `states` hold one more than `actions`."""

    observations: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    states: Any
    """The family's State, every leaf with a leading axis of time."""


@without_jax()
@in_own_switches
def replay(
    family: Family,
    problem_id: Whole,
    goal: Whole | Numbers | None = None,
    actions: Numbers = (),
    start: PyTree | None = None,
) -> Replay:
    """Take a sequence of actions, from `reset` or from the state `start`.

    Those after the end of the episode are not taken: nothing changes there, and nothing is paid.

    Args:
        problem_id: One of the family's IDs.
        goal: What is asked for; None plays an exploration.
        actions: In the family's action space.
        start: A state, of a family that can `observe` it.

    Raises:
        UserError: For actions, problems or states that the family has not.
    """
    family = adapted(family)
    space = family.action_space
    if isinstance(actions, Iterator):
        actions = tuple(actions)
    try:
        actions = np.asarray(actions, space.dtype).reshape(-1, *space.shape)
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"actions must be in {space}, got {shown(actions)}") from None
    if not all(space.contains(np.asarray(action)) for action in actions):
        raise UserError(f"actions must be in {space}, got {actions}")
    if problem_id not in family.train_ids and problem_id not in family.test_ids:
        raise UserError(f"family {family.name!r} has no problem {problem_id}")
    if start is not None and not isinstance(family, CanObserve):
        raise UserError(
            f"family {family.name!r} needs observe(problem, state) to be replayed from a state"
        )
    goal = None if goal is None else jnp.asarray(goal)
    # Always whole horizons, so that one compiled program serves episodes of every length.
    length = len(actions)
    horizon = horizon_of(family, exploring=goal is None)
    padding = -length % horizon if length else horizon
    actions = jnp.asarray(np.pad(actions, [(0, padding), *[(0, 0)] * len(space.shape)]))
    episode = _player(family)(problem_id, goal, actions, start)
    observations, states = jax.tree.map(
        lambda x: np.asarray(x)[: length + 1], (episode.trajectory.observations, episode.states)
    )
    trajectory = jax.tree.map(lambda x: np.asarray(x)[:length], episode.trajectory)
    return Replay(
        observations, trajectory.rewards, trajectory.terminated, trajectory.truncated, states
    )


def check_family(family: Any) -> None:
    """Raise a `FamilyError` that lists everything found wrong with a family of problems."""
    faults = find_faults(family)
    if faults:
        raise FamilyError(str(getattr(family, "name", type(family).__name__)), faults)


def _player(family: Family) -> Callable[..., Episode]:
    try:
        return _kept_player(cast(Hashable, family))
    except TypeError:
        # A family that cannot be hashed is compiled anew each time.
        return _kept_player.__wrapped__(family)


@functools.lru_cache(maxsize=32)
def _kept_player(family: Family) -> Callable[..., Episode]:
    def play(problem_id, goal, actions, start):
        def act(number, percept, key):
            return number + 1, Choice(actions[number])

        return rollout(
            family,
            family.problem(problem_id),
            goal,
            act,
            jnp.array(0),
            jax.random.key(0),
            start=start,
            steps=len(actions),
            states=True,
        )

    return jax.jit(play)
