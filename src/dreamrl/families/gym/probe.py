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
    found = list(_space_faults(interface, env, problem_id))
    if interface.has_goals and not _has(env, "set_goal"):
        found.append(f"problem {problem_id}: its environment needs a method set_goal(goal)")
    yield from found
    if found:
        return
    try:
        _play(interface, stock, problem_id, horizon)
    except UserError as error:
        yield str(error)


def _space_faults(interface: Interface, env: gymnasium.Env, problem_id: int) -> Iterator[str]:
    for what in ("observation", "action"):
        first, own = getattr(interface, what), getattr(env, f"{what}_space")
        if own != first:
            yield (
                f"problem {problem_id}: its {what}_space is {own}, and that of the first problem "
                f"is {first}; all problems must have the same"
            )


def _chance_faults(
    interface: Interface, stock: Stock, problem_id: int, horizon: int
) -> Iterator[str]:
    """Yield faults unless the same seed leads to the same: else runs are not reproducible."""
    first, again = (_play(interface, stock, problem_id, horizon) for _ in range(2))
    for t, (a, b) in enumerate(zip(first, again, strict=False)):
        if not np.array_equal(a, b):
            where = f"step {t}" if t else "reset"
            yield (
                f"problem {problem_id}, {where}: the same seed leads to other observations: "
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
    live = np.ones(1, bool)
    try:
        seen = [block.reset(np.array([problem_id]), np.array([0]))]
        ended = False
        while not ended:
            if isinstance(space, Box):
                actions = np.asarray(rng.uniform(-1, 1, (1, *space.shape)), space.dtype)
            else:
                possible = np.flatnonzero(block.allowed[0])
                actions = possible[rng.integers(len(possible), size=1)].astype(space.dtype)
            after, _, ends = block.step(actions, live, None)
            seen.append(after)
            ended = bool(ends.any()) or len(seen) > horizon
            block.check_possible(np.array([ended]))
    except BaseException:
        block.drop()
        raise
    block.leave()
    return seen


def _has(env: gymnasium.Env, name: str) -> bool:
    try:
        return callable(env.get_wrapper_attr(name))
    except AttributeError:
        return False
