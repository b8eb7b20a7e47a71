"""Some problems tried out before anything is trained: made, and played at random."""

from collections.abc import Iterator, Sequence

import gymnasium
import numpy as np

from dreamrl.errors import FamilyError, UserError
from dreamrl.families.gym.slots import Block, Interface, Stock
from dreamrl.spaces import Box


def probe(name: str, interface: Interface, stock: Stock, ids: Sequence[int], horizon: int) -> None:
    """Raise FamilyError, which is a UserError, with all that was found wrong."""
    faults = [fault for i in dict.fromkeys(ids) for fault in _faults(interface, stock, i, horizon)]
    if not faults:
        faults = list(_chance_faults(interface, stock, ids[0], horizon))
    if faults:
        raise FamilyError(name, faults)


def _faults(interface: Interface, stock: Stock, problem_id: int, horizon: int) -> Iterator[str]:
    try:
        env = stock.take(problem_id)
    except UserError as error:
        yield str(error)
        return
    stock.give(problem_id, env)
    faults = list(_space_faults(interface, env, problem_id))
    if interface.has_goals and not _has(env, "set_goal"):
        faults.append(f"problem {problem_id}: its environment needs a method set_goal(goal)")
    yield from faults
    if faults:
        return
    try:
        _play(interface, stock, problem_id, horizon)
    except UserError as error:
        yield str(error)


def _space_faults(interface: Interface, env: gymnasium.Env, problem_id: int) -> Iterator[str]:
    for kind in ("observation", "action"):
        first, space = getattr(interface, kind), getattr(env, f"{kind}_space")
        if space != first:
            yield (
                f"problem {problem_id}: its {kind}_space is {space}, and that of the first problem "
                f"is {first}; all problems must have the same"
            )


def _chance_faults(
    interface: Interface, stock: Stock, problem_id: int, horizon: int
) -> Iterator[str]:
    """Yield faults unless the same seed leads to the same: else runs are not reproducible."""
    first, second = (_play(interface, stock, problem_id, horizon) for _ in range(2))
    for t, (a, b) in enumerate(zip(first, second, strict=False)):
        if not np.array_equal(a, b):
            moment = f"step {t}" if t else "reset"
            yield (
                f"problem {problem_id}, {moment}: the same seed leads to other observations: "
                "draw from self.np_random, which super().reset(seed=seed) makes anew "
                "(or GymFamily(..., check=False), and runs cannot be reproduced)"
            )
            return


def _play(interface: Interface, stock: Stock, problem_id: int, horizon: int) -> list[np.ndarray]:
    """Return one episode of random actions; what was observed.

    Not by `trial.rollout`, which plays families: there is none yet.
    """
    block = Block(1, interface, stock)
    rng = np.random.default_rng(0)
    space = interface.done.space
    mask = np.ones(1, bool)
    try:
        observations = [block.reset(np.array([problem_id]), np.array([0]))]
        is_over = False
        while not is_over:
            if isinstance(space, Box):
                actions = np.asarray(rng.uniform(-1, 1, (1, *space.shape)), space.dtype)
            else:
                choices = np.flatnonzero(block.allowed[0])
                actions = choices[rng.integers(len(choices), size=1)].astype(space.dtype)
            observation, _, ends = block.step(actions, mask, None)
            observations.append(observation)
            is_over = bool(ends.any()) or len(observations) > horizon
            block.check_possible(np.array([is_over]))
    except BaseException:
        block.drop()
        raise
    block.leave()
    return observations


def _has(env: gymnasium.Env, name: str) -> bool:
    try:
        return callable(env.get_wrapper_attr(name))
    except AttributeError:
        return False
