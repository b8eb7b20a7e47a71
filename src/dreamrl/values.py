"""Values as users' code gives them: numbers and ends, however they are wrapped, and text."""

import os
import reprlib
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import jax
import numpy as np

from dreamrl.errors import UserError

AnyPath: TypeAlias = str | os.PathLike[str]
Whole: TypeAlias = int | np.integer | np.ndarray | jax.Array
"""A whole number as people have it: `whole` makes an int of it."""
Wholes: TypeAlias = Sequence[Whole] | np.ndarray | jax.Array
"""Seeds or problem IDs as people have them: see `seeds_from`."""
LARGEST_SEED = 2**32 - 1

PLAIN = (bool, int, float, np.bool_, np.integer, np.floating)
_SHORT = reprlib.Repr()
_SHORT.maxother, _SHORT.maxstring = 80, 60


def number(value: Any) -> float:
    """Return a number, or an array or list of one, as a float; raise ValueError for all else."""
    try:
        return float(_single(value))
    except (TypeError, OverflowError) as error:
        raise ValueError(f"{shown(value)} is not a number") from error


def flag(value: Any) -> bool:
    """Return True or False for these, 1 or 0, or an array of one; raise ValueError for others."""
    single = _single(value)
    if not isinstance(single, PLAIN) or single not in (0, 1):
        raise ValueError(f"{shown(value)} is neither True nor False")
    return bool(single)


def shown(value: Any) -> str:
    """Return a value on one short line, whatever its own `repr` does."""
    try:
        if isinstance(value, np.ndarray) and value.size > 8:
            return f"an array of {value.dtype}{value.shape}"
        words = repr(value) if isinstance(value, np.ndarray | np.generic) else _SHORT.repr(value)
    except Exception:
        words = f"a {type(value).__name__}"
    words = " ".join(words.split())
    return words if len(words) <= 80 else f"{words[:76]} ..."


def _single(value: Any) -> Any:
    """Return the number in a value of size 1; ValueError where it is no number, or not one."""
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, list | tuple):
        if len(value) != 1:
            raise ValueError(f"{shown(value)} is not one number")
        return _single(value[0])
    if callable(item := getattr(value, "item", None)):
        try:
            value = item()
        except Exception as error:  # Each library has its own for more than one.
            raise ValueError(f"{shown(value)} is not one number") from error
    if isinstance(value, str | bytes | list | tuple) or not hasattr(type(value), "__float__"):
        raise ValueError(f"{shown(value)} is not a number")
    return value


def plain_value(value: Any) -> Any:
    """Return Python's own numbers and text where there are those of NumPy or JAX.

    Arrays, lists and tuples become tuples; what is none of these stays as it is.
    """
    if callable(to_list := getattr(value, "tolist", None)):
        value = to_list()
    return tuple(map(plain_value, value)) if isinstance(value, list | tuple) else value


def whole(name: str, value: Any, least: int) -> int:
    """Return a whole number of at least `least`, whatever its type, as an int.

    Raises:
        UserError: For all else; `name` says what it was meant for.
    """
    result = plain_value(value)
    if isinstance(result, bool) or not isinstance(result, int):
        raise UserError(f"{name} must be a whole number, is {shown(value)}")
    if result < least:
        raise UserError(f"{name} must be at least {least}, is {result}")
    return result


def seeds_from(seeds: Any) -> tuple[int, ...]:
    """Return seeds as Python's own numbers: from a tuple, range, array, generator of them.

    Raises:
        UserError: Where there are none, one is there twice, or one is no seed.
    """
    whole_array = hasattr(seeds, "tolist") or isinstance(seeds, str | bytes)
    many = isinstance(seeds, Iterable) and not whole_array
    values = tuple(seeds) if many else plain_value(seeds)
    if not isinstance(values, tuple) or not values:
        raise UserError(f"seeds must be one or more numbers, as (0, 1), is {shown(seeds)}")
    result = tuple(seed_from(seed) for seed in values)
    if twice := [seed for i, seed in enumerate(result) if seed in result[:i]]:
        raise UserError(f"seed {twice[0]} is given twice")
    return result


def seed_from(seed: Any) -> int:
    """Return a seed as an int; raise UserError for what is none."""
    result = whole("a seed", seed, 0)
    if result > LARGEST_SEED:
        raise UserError(f"a seed must be at most 2^32 - 1, is {result}")
    return result
