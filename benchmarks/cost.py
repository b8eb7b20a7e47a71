"""What one call of a compiled program needs, by the compiler's own count.

That count takes a loop's body once, however often it runs. So each body is also counted by itself,
as a program of its own, and added for all its other turns. Loops are `jax.lax.scan`, `map` and most
of `fori_loop`; what turns as long as its values say counts once, and so do the rounds of random
numbers' generator, loops that only the compiler sees.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from unittest import mock

import jax
import numpy as np
from jax.extend.core import jaxpr_as_fun
from jax.stages import Lowered


class Operations(NamedTuple):
    """Of one call."""

    flops: float
    """Of products and of all that is done element by element, integers too."""
    transcendentals: float
    """exp, log, tanh and the like, which are not among the flops."""


def operations(function: Callable[..., Any], *inputs: Any) -> Operations:
    """Return what a call works out, as the program is written.

    The compiler's passes repeat some of it to write less. So does `jax.checkpoint` to keep less,
    which counts once here, too.
    """

    def count(lowered: Lowered) -> np.ndarray:
        said = lowered.cost_analysis()
        return np.array([said.get(name, 0.0) for name in Operations._fields])

    with _nothing_again():
        return Operations(*map(float, _counted(count, function, inputs)[0]))


def moved(function: Callable[..., Any], *inputs: Any) -> float:
    """Return the bytes that a call's fused operations read and write, in whichever memory."""

    def count(lowered: Lowered) -> float:
        return lowered.compile().cost_analysis()["bytes accessed"]

    return _counted(count, function, inputs)[0]


def _counted(
    count: Callable[[Lowered], Any], function: Callable[..., Any], inputs: Sequence[Any]
) -> tuple[Any, Any]:
    """Return what a call needs, and what the compiler says, of whose loops each turns once."""

    def fresh(*inputs: Any) -> Any:
        # JAX would find what it has traced of the other one before.
        return function(*inputs)

    total = said = count(jax.jit(fresh).lower(*inputs))
    for length, body in _loops(jax.make_jaxpr(fresh)(*inputs).jaxpr):
        turn, once = _counted(count, jaxpr_as_fun(body), body.in_avals)
        total = total + length * turn - once
    return total, said


def _loops(jaxpr: Any) -> Iterator[tuple[int, Any]]:
    """Yield length and body of each loop, but for those within another's body."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "scan":
            yield equation.params["length"], equation.params["jaxpr"]
            continue
        for inner in jax.tree.leaves(equation.params, is_leaf=lambda x: hasattr(x, "eqns")):
            if hasattr(inner, "eqns"):
                yield from _loops(getattr(inner, "jaxpr", inner))


@contextlib.contextmanager
def _nothing_again() -> Iterator[None]:
    with mock.patch.object(jax, "checkpoint", lambda function, **options: function):
        yield
