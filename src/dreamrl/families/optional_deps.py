"""The common part of families from elsewhere: packages that may be missing, IDs held out."""

import importlib.util
from collections.abc import Sequence

from dreamrl.errors import UserError

IDs = tuple[int, ...]


def needs(package: str, extra: str) -> None:
    """Raise UserError, with the command that mends it, where the package is not installed."""
    try:
        is_installed = importlib.util.find_spec(package) is not None
    except ValueError:
        is_installed = False
    if not is_installed:
        raise UserError(f"{package} is not installed: pip install 'dreamrl[{extra}]'")


def held_out(number: int, test_ids: Sequence[int]) -> tuple[IDs, IDs]:
    """Return IDs of training and of meta-test, out of 0 .. number-1; both all if none is held out.

    Raises UserError for an ID that there is not, and where none is left to train on.
    """
    for i in test_ids:
        if i not in range(number):
            raise UserError(f"test_ids holds {i}, and there are the problems 0..{number - 1}")
    train_ids = tuple(i for i in range(number) if i not in set(test_ids))
    if not train_ids:
        raise UserError(f"test_ids holds all of the {number} problems: none is left to train on")
    return train_ids, tuple(map(int, test_ids)) or train_ids
