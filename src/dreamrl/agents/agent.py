"""What every method offers: an algorithm that trains, an agent that explores and exploits.

The two are different types on purpose. An `Algorithm` may see problem IDs; an `Agent` is all
that meta-test gets, and none of its functions takes one.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from dreamrl.families.family import Family
from dreamrl.trial import Percept
from dreamrl.types import Action, Belief, Key, ProblemID, Trajectory

Metrics = dict[str, Float[Array, ""]]


@runtime_checkable
class Agent(Protocol):
    """How do I explore, what do I carry over, how do I exploit? A pytree of parameters."""

    def explorer(self) -> PyTree:
        """The memory with which an exploration begins."""
        ...

    def explore(
        self, memory: PyTree, percept: Percept, key: Key
    ) -> tuple[PyTree, Action, Bool[Array, ""]]:
        """The next memory, the greedy action, and whether to stop instead of taking it."""
        ...

    def beliefs(self, trajectory: Trajectory) -> Belief:
        """The belief after 0, 1, ... T steps of an exploration, with a leading [T+1] axis.

        Behind the end it stays what it was, so the last one is what is carried over.
        """
        ...

    def exploiter(self, belief: Belief) -> PyTree:
        """The memory with which an exploitation episode begins."""
        ...

    def exploit(
        self, memory: PyTree, percept: Percept, goal: Array, key: Key
    ) -> tuple[PyTree, Action]: ...


@runtime_checkable
class Algorithm(Protocol):
    """Trains one seed; `jax.vmap` over `init` and `iterate` trains many in one program."""

    @property
    def family(self) -> Family:
        """What it is trained and evaluated on."""
        ...

    @property
    def settings(self) -> Any:
        """A frozen dataclass; it has at least `iterations`, `trials` and `episodes`."""
        ...

    def init(self, key: Key) -> PyTree:
        """A training state."""
        ...

    def iterate(self, state: PyTree) -> tuple[PyTree, Metrics]:
        """One iteration: new trials, then all updates. Pure, to be scanned and jitted.

        The metrics hold at least `steps` (environment steps taken) and `finite` (1.0 unless a
        loss of some part was not finite; then `bad_<part>` is 1.0 for each such part).
        """
        ...

    def agent(self, state: PyTree) -> Agent:
        """What meta-test gets."""
        ...

    def encode(self, state: PyTree, problem_id: ProblemID) -> Float[Array, "... Z"] | None:
        """The true z of a training problem, to draw beside beliefs; None without an encoder."""
        ...


def finite(metrics: Metrics, *names: str) -> Metrics:
    """The metrics, and what they say of losses: `finite`, and `bad_<part>` of each part named."""
    bad = {f"bad_{name}": 1.0 - jnp.isfinite(metrics[f"loss_{name}"]) for name in names}
    return {**metrics, **bad, "finite": 1.0 - jnp.stack(list(bad.values())).max()}


class Method(NamedTuple):
    """A way to train agents, as it is asked for by name."""

    settings: type
    algorithm: Callable[[Family, Any], Algorithm]
    presets: Mapping[str, Any]
    """Settings by name: `default`, and names of families that need their own."""
