"""Values as people's own code gives them: numbers and ends, however they are wrapped, and text."""

import reprlib
from typing import Any

import numpy as np

PLAIN = (bool, int, float, np.bool_, np.integer, np.floating)
_SHORT = reprlib.Repr()
_SHORT.maxother, _SHORT.maxstring = 80, 60


def number(value: Any) -> float:
    """A number, or an array, list or tensor of one, as a float; raises ValueError for all else."""
    try:
        return float(_single(value))
    except (TypeError, OverflowError) as error:
        raise ValueError(f"{shown(value)} is not a number") from error


def flag(value: Any) -> bool:
    """True, False, 1 or 0, or an array, list or tensor of one; raises ValueError for all else."""
    single = _single(value)
    if not isinstance(single, PLAIN) or single not in (0, 1):
        raise ValueError(f"{shown(value)} is neither True nor False")
    return bool(single)


def shown(value: Any) -> str:
    """A value on one short line, whatever its own `repr` does."""
    try:
        if isinstance(value, np.ndarray) and value.size > 8:
            return f"an array of {value.dtype}{value.shape}"
        words = repr(value) if isinstance(value, np.ndarray | np.generic) else _SHORT.repr(value)
    except Exception:
        words = f"a {type(value).__name__}"
    words = " ".join(words.split())
    return words if len(words) <= 80 else f"{words[:76]} ..."


def _single(value: Any) -> Any:
    """What is in a value of size 1; ValueError where it is no number, or not one."""
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
