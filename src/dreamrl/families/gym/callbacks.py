"""Calls from a compiled program to the host: of environments, and of a user's functions."""

import functools
import logging
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Scalar

from dreamrl.errors import HostError, UserError, raised, raised_on_host, remember_raised
from dreamrl.values import shown


def call(function: Callable[..., Any], shapes: Any, *inputs: Any) -> Any:
    """Call on the host, once for a whole batch; nothing is differentiated through it."""
    inputs = tuple(jax.lax.stop_gradient(jnp.asarray(x)) for x in inputs)

    @functools.wraps(function)
    def wrapper(*inputs: Any) -> Any:
        try:
            return function(*inputs)
        except UserError as error:
            remember_raised(error)
            raise

    return jax.pure_callback(wrapper, shapes, *inputs, vmap_method="broadcast_all")


def _quieten() -> None:
    """Have JAX neither log what went wrong on the host nor repeat it at the exit."""
    hook = sys.unraisablehook

    def is_news(record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], UserError))

    logging.getLogger("jax._src.callback").addFilter(is_news)

    def tell(unraisable: "sys.UnraisableHookArgs") -> None:
        error = unraisable.exc_value
        if not (isinstance(error, Exception) and raised_on_host(error)):
            hook(unraisable)

    sys.unraisablehook = tell


_quieten()


class Vector:
    """A user's function on the host that tells a problem by so many numbers, as all others."""

    def __init__(self, name: str, function: Callable[[int], Any], first: int):
        self.name, self.function = name, function
        self.length = len(self._vector_of(first))

    def __call__(self, problem_id: Int[Scalar, ""]) -> Float[Array, " features"]:
        shape = jax.ShapeDtypeStruct((self.length,), jnp.float32)
        return call(self.all_of, shape, problem_id)

    def all_of(self, ids: Any) -> Float[np.ndarray, "*ids features"]:
        vectors = []
        for i in np.ravel(ids).tolist():
            vectors.append(self._vector_of(i))
            if len(vectors[-1]) != self.length:
                raise HostError(
                    f"{self.name}({i}) must return {self.length} numbers, as that of the first "
                    f"problem, returned {len(vectors[-1])}"
                )
        return np.reshape(vectors, (*np.shape(ids), self.length))

    def _vector_of(self, problem_id: int) -> np.ndarray:
        value = asked(self.name, self.function, problem_id)
        try:
            vector = np.asarray(value, np.float32)
        except (TypeError, ValueError):
            vector = np.array(np.nan)
        if vector.ndim != 1 or not np.isfinite(vector).all():
            raise HostError(
                f"{self.name}({problem_id}) must return a vector of finite numbers, returned "
                f"{shown(value)}"
            )
        return vector


def asked(name: str, function: Callable[[int], Any], problem_id: int) -> Any:
    try:
        return function(problem_id)
    except Exception as error:
        raise HostError(f"{name}({problem_id}) raised {raised(error)}") from error
