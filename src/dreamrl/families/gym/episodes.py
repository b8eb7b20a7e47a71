"""Episodes on the host, under handles of three integers: what a compiled program calls."""

import dataclasses
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped

from dreamrl.errors import UserError
from dreamrl.families.gym.host import Host
from dreamrl.families.gym.slots import Block, Interface

FAR = 0x5851F42D
"""Between the seeds of episodes in a row."""
OPEN, KEPT = 8, 16
"""Batches of episodes that hold environments, and those of which it is known how they went."""


class Answer(NamedTuple):
    """The outcome of each episode's last step."""

    observations: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    allowed: np.ndarray
    """[n, actions]: which may be taken next."""


@dataclasses.dataclass
class Batch:
    """Episodes side by side, with all that it takes to play them again."""

    number: int
    problems: np.ndarray
    seeds: np.ndarray
    steps: np.ndarray
    """Taken so far, by each."""
    over: np.ndarray
    actions: np.ndarray
    """[horizon, n, ...]"""
    last: Answer
    tries: np.ndarray
    """Of an exploration of several episodes: those before the one that goes on."""
    begun: np.ndarray
    """Steps taken before that one."""
    ended: np.ndarray
    """True where it has ended, and the next step begins another one."""
    calls: int = 0
    block: Block | None = None
    """None once the environments were given back."""

    @property
    def size(self) -> int:
        return len(self.problems)


class Episodes:
    """Resets and steps batches of episodes, which go on side by side.

    A handle is (number of the batch, row in it, steps taken). Every call is answered from it
    alone, as of a pure function: a step that was taken before gets the answer of then, and a
    handle that cannot be gone on with, as where one episode is to be continued in several ways,
    is played again from its beginning.
    """

    def __init__(self, interface: Interface, host: Host, horizon: int, explorations: int = 1):
        self.interface, self.host, self.horizon = interface, host, horizon
        self.explorations = explorations
        self.longest = explorations * (horizon + 1) - 1
        """Steps of an exploration, at the most: one between two episodes begins the next one."""
        self.stock = host.stock
        self.batches: OrderedDict[int, Batch] = OrderedDict()
        self.free: dict[int, list[Block]] = {}
        self.count = 0

    def reset(self, problems: Any, seeds: Any) -> tuple[Shaped[np.ndarray, "..."], ...]:
        """Return handles and observations of new episodes, and which actions are possible."""
        return self._in_thread(self._reset, problems, seeds)

    def step(
        self, number: Any, row: Any, steps: Any, actions: Any, goals: Any = None
    ) -> tuple[Shaped[np.ndarray, "..."], ...]:
        """Return handles, observations, rewards, terminated, truncated, possible actions."""
        return self._in_thread(self._step, number, row, steps, actions, goals)

    def explore(
        self, number: Any, row: Any, steps: Any, actions: Any
    ) -> tuple[Shaped[np.ndarray, "..."], ...]:
        """Return the same, in explorations of several episodes."""
        return self._in_thread(self._explore, number, row, steps, actions)

    def _in_thread(self, call: Callable, first: Any, *rest: Any) -> tuple[np.ndarray, ...]:
        """Call with arrays of any leading axes; inside they are one axis."""
        lead = np.shape(first)
        inputs = [x if x is None else _flat(np.asarray(x), len(lead)) for x in (first, *rest)]
        results = self.host.call(call, *inputs)
        return tuple(x.reshape((*lead, *x.shape[1:])) for x in results)

    def _reset(self, problems: np.ndarray, seeds: np.ndarray) -> tuple[np.ndarray, ...]:
        for batch in list(self.batches.values())[-1:]:
            is_same = batch.calls == 0 and np.array_equal(batch.problems, problems)
            if is_same and np.array_equal(batch.seeds, seeds):
                break
        else:
            batch = self._begin(problems, seeds)
        return *_handles(batch), batch.last.observations, *self._masks(batch)

    def _explore(
        self, number: np.ndarray, row: np.ndarray, steps: np.ndarray, actions: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        return self._step(number, row, steps, actions, None, self.explorations)

    def _step(
        self,
        number: np.ndarray,
        row: np.ndarray,
        steps: np.ndarray,
        actions: np.ndarray,
        goals: np.ndarray | None,
        episodes: int = 1,
    ) -> tuple[np.ndarray, ...]:
        # The newest that can go on from there: often the batch that the handles name.
        candidates = [batch for batch in reversed(self.batches.values()) if len(row) == batch.size]
        batch = next((b for b in candidates if self._continues(b, number, row, steps)), None)
        if batch is None:
            batch = self._replay(number, row, steps, goals, episodes)
        self.batches.move_to_end(batch.number)
        past = steps < batch.steps
        live = ~past & ~batch.over
        self._advance(batch, actions, live, goals, episodes)
        return self._answer(batch, past | live)

    def _continues(
        self, batch: Batch, number: np.ndarray, row: np.ndarray, steps: np.ndarray
    ) -> bool:
        """Return whether the batch has the handles' episodes, each in place, and their next step.

        It was taken already, or is to be. Handles of another batch will do where that has the same
        episodes up to `steps`: whoever stops while others go on still holds the handle of before.
        """
        lead = batch.steps - steps
        if not np.isin(lead, (0, 1)).all():
            return False
        if batch.block is None and ((lead == 0) & ~batch.over).any():
            return False
        for source in np.unique(number).tolist():
            places = np.flatnonzero(number == source)
            origin, rows = self._find(source), row[places]
            if origin is batch and np.array_equal(rows, places):
                continue
            mask = np.arange(self.longest)[:, None] < steps[places]
            equal = origin.actions[:, rows] == batch.actions[:, places]
            if not (
                np.array_equal(origin.problems[rows], batch.problems[places])
                and np.array_equal(origin.seeds[rows], batch.seeds[places])
                and (equal.reshape(*mask.shape, -1).all(-1) | ~mask).all()
            ):
                return False
        return True

    def _answer(self, batch: Batch, mask: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return what the last step of each led to; after an end there is no more reward."""
        last = batch.last
        rewards = np.where(mask, last.rewards, np.float32(0.0))
        result = last.observations, rewards, last.terminated, last.truncated
        return *_handles(batch), *result, *self._masks(batch)

    def _masks(self, batch: Batch) -> tuple[np.ndarray, ...]:
        return (batch.last.allowed,) if self.interface.masked else ()

    def _begin(self, problems: np.ndarray, seeds: np.ndarray) -> Batch:
        size, done = len(problems), self.interface.done
        idle = self.free.get(size)
        self._make_room(size)
        block = idle.pop() if idle else Block(size, self.interface, self.stock)
        try:
            observations = block.reset(problems, seeds)
        except BaseException:
            block.drop()
            raise
        no_flags = np.zeros(size, bool)
        self.count = (self.count + 1) % 2**31
        actions = np.zeros((self.longest, size, *done.space.shape), done.space.dtype)
        last = Answer(observations, np.zeros(size, np.float32), no_flags, no_flags, block.allowed)
        none, all_ = np.zeros(size, np.int32), (problems, seeds)
        batch = Batch(
            self.count,
            *all_,
            none,
            no_flags,
            actions,
            last,
            none,
            none,
            ended=no_flags,
            block=block,
        )
        self.batches[self.count] = batch
        self._tidy()
        return batch

    def _advance(
        self,
        batch: Batch,
        actions: np.ndarray,
        live: np.ndarray,
        goals: np.ndarray | None,
        episodes: int,
    ) -> None:
        """Take one step of the live ones; what others are told to do is not done.

        Of `episodes` in a row all but the last show no end: the step after one begins the next.
        """
        block = batch.block
        batch.calls += 1
        if block is not None and live.any():
            batch.actions[batch.steps[live], live] = actions[live]
            restarts = live & batch.ended
            tries = batch.tries + restarts
            try:
                observations, rewards, ends = block.step(
                    actions, live, goals, _seeds(batch, restarts, tries)
                )
                batch.steps, batch.tries = batch.steps + live, tries
                batch.begun = np.where(restarts, batch.steps, batch.begun)
                terminated, truncated = ends.T
                # The family's horizon is a truncation too.
                late = batch.steps - batch.begun >= self.horizon
                truncated = (truncated | late) & ~terminated
                last = batch.tries + 1 >= episodes
                batch.ended = (terminated | truncated) & ~last
                terminated, truncated = terminated & last, truncated & last
                batch.over = terminated | truncated
                block.check_possible(batch.over | batch.ended)
            except BaseException:
                block.drop()
                batch.block = None
                raise
            rewards = np.where(live, rewards, batch.last.rewards)
            allowed = block.allowed | (batch.over | batch.ended)[:, None]
            batch.last = Answer(observations, rewards, terminated, truncated, allowed)
        if batch.over.all() or batch.calls >= self.longest:
            self._close(batch)

    def _replay(
        self,
        number: np.ndarray,
        row: np.ndarray,
        steps: np.ndarray,
        goals: np.ndarray | None,
        episodes: int,
    ) -> Batch:
        """Return the same episodes up to `steps`, in environments of their own."""
        origin = {n: self._find(n) for n in np.unique(number).tolist()}
        pairs = [(origin[n], r) for n, r in zip(number.tolist(), row.tolist(), strict=True)]
        problems = np.array([batch.problems[r] for batch, r in pairs])
        batch = self._begin(problems, np.array([batch.seeds[r] for batch, r in pairs]))
        for t in range(steps.max()):
            actions = np.stack([origin.actions[t, r] for origin, r in pairs])
            self._advance(batch, actions, (t < steps) & ~batch.over, goals, episodes)
        return batch

    def _find(self, number: int) -> Batch:
        if number not in self.batches:
            raise UserError(
                f"this state is of an episode that began more than {KEPT} resets ago: it can be "
                "gone on with no more"
            )
        self.batches.move_to_end(number)
        return self.batches[number]

    def _close(self, batch: Batch) -> None:
        if batch.block is not None:
            batch.block.leave()
            self.free.setdefault(batch.size, []).append(batch.block)
            batch.block = None

    def _make_room(self, size: int) -> None:
        """Take environments from those that nobody has asked for the longest, for a new batch."""
        for batch in list(self.batches.values()):
            if len(self.stock.busy) + size <= self.stock.most:
                return
            self._close(batch)

    def _tidy(self) -> None:
        """Have those that nobody has asked for the longest give their environments back."""
        holding = [batch for batch in self.batches.values() if batch.block is not None]
        for batch in holding[:-OPEN]:
            self._close(batch)
        while len(self.batches) > KEPT:
            self._close(self.batches.popitem(last=False)[1])


def _handles(batch: Batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    number = np.full(batch.size, batch.number, np.int32)
    return number, np.arange(batch.size, dtype=np.int32), batch.steps.astype(np.int32)


def _seeds(batch: Batch, restarts: np.ndarray, tries: np.ndarray) -> list[int | None] | None:
    """Return seeds of episodes that begin after others, settled by that of the first."""
    if not restarts.any():
        return None
    seeds = (batch.seeds.astype(np.int64) + tries.astype(np.int64) * FAR) % 2**31
    return [
        seed if flag else None for seed, flag in zip(seeds.tolist(), restarts.tolist(), strict=True)
    ]


def _flat(x: np.ndarray, lead: int) -> np.ndarray:
    return x.reshape((-1, *x.shape[lead:]))
