"""The space of a sweep: settings with their values, as a grid or drawn at random.

learning_rate=1e-4,3e-4      values
learning_rate=1e-5..1e-2     a range, drawn from evenly
learning_rate=1e-5..1e-2:log a range, drawn from evenly on a scale of logarithms
"""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dreamrl.errors import UserError

FORM = "as in learning_rate=1e-4,3e-4 or learning_rate=1e-5..1e-2:log"
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
PATIENCE = 1000
"""Draws without anything new, after which there is nothing new to be drawn."""


class Values(NamedTuple):
    setting: str
    texts: tuple[str, ...]


class Span(NamedTuple):
    setting: str
    low: float
    high: float
    log: bool
    whole: bool
    """True if both ends are whole numbers, and so are the draws."""

    def text(self, number: float | int) -> str:
        """Return a number as a setting's text: rounded, and not out of the range by that."""
        if self.whole:
            return str(round(number))
        return repr(min(max(float(f"{number:.4g}"), self.low), self.high))


Axis = Values | Span


def axis(text: str) -> Axis:
    """Read SETTING=VALUE,VALUE or SETTING=LOW..HIGH; raise UserError where it is neither."""
    setting, equals, rest = text.partition("=")
    setting = setting.replace("-", "_")
    if not (setting and equals and rest):
        raise UserError(f"--over {text!r} is not SETTING=VALUES, {FORM}")
    if match := re.fullmatch(rf"({NUMBER})\.\.({NUMBER})(:log)?", rest):
        low, high = float(match[1]), float(match[2])
        log = match[3] is not None
        if not low < high or (log and low <= 0):
            order = "0 < LOW < HIGH" if log else "LOW < HIGH"
            raise UserError(f"--over {text}: a range goes from low to high, with {order}")
        whole = all(re.fullmatch(r"[-+]?\d+", end) for end in (match[1], match[2]))
        return Span(setting, low, high, log, whole)
    values = tuple(rest.split(","))
    if ".." in rest or not all(values):
        raise UserError(f"--over {text}: {rest!r} is neither values nor a range, {FORM}")
    if twice := [value for value in values if values.count(value) > 1]:
        raise UserError(f"--over {text}: {twice[0]} is given twice")
    return Values(setting, values)


def axes(texts: Sequence[str]) -> tuple[Axis, ...]:
    """Read all axes of a sweep; raise UserError for a setting that has two."""
    dimensions = tuple(map(axis, texts))
    names = [each.setting for each in dimensions]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"--over {twice[0]} is given twice: give all its values at once")
    return dimensions


def named(agent: str, choice: Mapping[str, str]) -> str:
    """Return an agent's name with chosen settings after it, as `dream:cost=0.1,z=16`."""
    changes = ",".join(f"{setting}={text}" for setting, text in choice.items())
    return f"{agent}{',' if ':' in agent else ':'}{changes}" if changes else agent


def grid(over: Sequence[Axis]) -> list[dict[str, str]]:
    """Return every combination of values, the last setting's first; UserError for a range."""
    for each in over:
        if isinstance(each, Span):
            raise UserError(
                f"--over {each.setting} is a range, of which there is no grid: "
                "give values, or --random N or --optuna N"
            )
    texts = [each.texts for each in over if isinstance(each, Values)]
    names = [each.setting for each in over]
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*texts)]


def drawn(over: Sequence[Axis], number: int, seed: int) -> list[dict[str, str]]:
    """Return combinations drawn at random, each once: fewer where there are no more.

    More of them begin with the same ones.
    """
    rng, combinations = np.random.default_rng(seed), dict[tuple[str, ...], dict[str, str]]()
    vain = 0
    while len(combinations) < number and vain < PATIENCE:
        texts = tuple(_draw(each, rng) for each in over)
        vain = vain + 1 if texts in combinations else 0
        combinations[texts] = {each.setting: text for each, text in zip(over, texts, strict=True)}
    return list(combinations.values())


def _draw(over: Axis, rng: np.random.Generator) -> str:
    if isinstance(over, Values):
        return over.texts[rng.integers(len(over.texts))]
    # Whole numbers are as likely at the ends of the range as within it.
    low, high = (over.low - 0.5, over.high + 0.5) if over.whole else (over.low, over.high)
    if over.log:
        number = math.exp(rng.uniform(math.log(low), math.log(high)))
    else:
        number = rng.uniform(low, high)
    return over.text(min(max(number, over.low), over.high))
