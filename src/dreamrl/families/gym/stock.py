"""The environments of a family: whoever makes them closes them, and has no more than allowed."""

import logging
from collections import OrderedDict
from collections.abc import Callable

import gymnasium

from dreamrl.errors import HostError, raised
from dreamrl.values import shown

Make = Callable[[int], gymnasium.Env]


class Stock:
    """All environments that there are: in use, or kept for later, of which the oldest give way."""

    def __init__(self, make: Make, most: int):
        self.make, self.most = make, most
        self.idle: OrderedDict[int, tuple[int, gymnasium.Env]] = OrderedDict()
        """{number: (problem ID, environment)}, the oldest first."""
        self.of: dict[int, list[int]] = {}
        """{problem ID: numbers}"""
        self.busy: dict[int, tuple[int, gymnasium.Env]] = {}
        """{id of the object: (problem ID, environment)}"""
        self.count = 0
        self.ended = False
        """True once no more are to be made, as the program ends."""

    def take(self, problem_id: int) -> gymnasium.Env:
        """Return one that was made before, or else a new one; HostError where it cannot be made."""
        if numbers := self.of.get(problem_id):
            env = self.idle.pop(numbers.pop())[1]
        else:
            env = self._new(problem_id)
        self.busy[id(env)] = problem_id, env
        return env

    def give(self, problem_id: int, env: gymnasium.Env) -> None:
        """Take one back, for whoever wants one of this problem next."""
        if self.busy.pop(id(env), None) is None:
            return  # It was closed meanwhile.
        self.count += 1
        self.idle[self.count] = problem_id, env
        self.of.setdefault(problem_id, []).append(self.count)

    def drop(self, env: gymnasium.Env) -> None:
        """Close one in use: what went wrong in it may go wrong again."""
        if (entry := self.busy.pop(id(env), None)) is not None:
            _close(*entry)

    def close(self) -> None:
        """Close all, whatever that raises."""
        entries = [*self.busy.values(), *self.idle.values()]
        self.busy.clear()
        self.idle.clear()
        self.of.clear()
        for problem_id, env in entries:
            _close(problem_id, env)

    def _new(self, problem_id: int) -> gymnasium.Env:
        if self.ended:
            raise HostError(f"make({problem_id}): the program ends, and no environment begins")
        if len(self.busy) >= self.most:
            raise HostError(
                f"make({problem_id}): {len(self.busy)} environments are in use, and kept="
                f"{self.most} is all that there may be at once"
            )
        while len(self.busy) + len(self.idle) >= self.most:
            oldest, (owner, env) = self.idle.popitem(last=False)
            self.of[owner].remove(oldest)
            _close(owner, env)
        try:
            env = self.make(problem_id)
        except Exception as error:
            raise HostError(f"make({problem_id}) raised {raised(error)}") from error
        if not isinstance(env, gymnasium.Env):
            raise HostError(
                f"make({problem_id}) must return a gymnasium.Env, returned {shown(env)}"
            )
        if id(env) in self.busy or any(env is other for _, other in self.idle.values()):
            raise HostError(
                f"make({problem_id}) must return a new environment each time, returned one again"
            )
        return env


def _close(problem_id: int, env: gymnasium.Env) -> None:
    try:
        env.close()
    except Exception as error:
        message = f"dreamrl: problem {problem_id}, close raised {raised(error)}"
        logging.getLogger("dreamrl").warning(message)
