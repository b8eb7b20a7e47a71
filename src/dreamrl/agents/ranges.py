"""What settings may be, checked when they are made."""

import dataclasses
from collections.abc import Mapping
from typing import Any, get_args

from dreamrl.errors import UserError

SHARE = (0.0, 1.0)
COUNT = (1.0, 1e9)


def check_ranges(settings: Any, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Raises UserError for a number out of its range, or a word that is not one of a Literal's.

    A number without a range must be 0 or more.
    """
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if choices := get_args(field.type):
            if value not in choices:
                said = f"{', '.join(choices[:-1])} or {choices[-1]}"
                raise UserError(f"{field.name} is {value!r}: it must be {said}.")
            continue
        if isinstance(value, bool):
            continue
        low, high = ranges.get(field.name, (0.0, float("inf")))
        if not low <= value <= high:
            raise UserError(f"{field.name} is {value}: it must be from {low:g} to {high:g}.")


def check_divides(settings: Any, name: str, divisor: str) -> None:
    """Raises UserError where the setting `name` is not a multiple of the setting `divisor`."""
    value, by = getattr(settings, name), getattr(settings, divisor)
    if value % by:
        raise UserError(f"{name} ({value}) must be a multiple of {divisor} ({by}).")
