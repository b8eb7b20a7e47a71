"""tools.reference: the pages made from the code are up to date, and say what they should."""

import dataclasses
import re
from typing import Annotated, Literal, NamedTuple

import pytest

from tools import components, reference


class Range(NamedTuple):
    low: float
    high: float = float("inf")


@dataclasses.dataclass(frozen=True)
class Clipped:
    clip: Annotated[float, Range(0, 1)] = 0.2
    """How far
    a ratio may go."""


@dataclasses.dataclass(frozen=True)
class Valued:
    steps: Annotated[int, Range(1)] = 3


@dataclasses.dataclass(frozen=True)
class Base:
    """Settings."""

    rate: float = 0.5
    """A rate."""


@dataclasses.dataclass(frozen=True)
class Whole(Base):
    """More settings."""

    mode: Literal["fast", "slow"] = "fast"
    learner: Clipped | Valued = Clipped(0.1)
    """Learns."""
    budget: Valued = Valued()

    def double(self, by: float = 2, *, quoted: "int" = 1) -> "float":
        """Return a multiple."""
        return by * self.rate * quoted


@pytest.mark.parametrize("name", reference.PAGES)
def test_pages_are_up_to_date(name):
    text = (reference.REFERENCE / name).read_text()
    assert text == reference.PAGES[name](), "run: python -m tools.reference"


def test_settings_are_flattened_with_ranges_and_meanings():
    rows = [tuple(row) for row in reference.rows(Whole, Whole())]
    assert rows == [
        ("`rate`", "float", "`0.5`", "", "A rate."),
        ("`mode`", "`fast`, `slow`", "`'fast'`", "", ""),
        ("`learner`", "Clipped, Valued", "`Clipped`", "", "Learns."),
        ("`learner:Clipped.clip`", "float", "`0.1`", "0 to 1", "How far a ratio may go."),
        ("`learner:Valued.steps`", "int", "`3`", "1 or more", ""),
        ("`budget.steps`", "int", "`3`", "1 or more", ""),
    ]


def test_presets_tell_their_differences():
    preset = Whole(rate=1.0, learner=Valued(5))
    words = "`rate=1.0`, `learner=Valued`, `learner.steps=5`"
    assert reference.differences(preset, Whole()) == words
    assert reference.differences(Whole(), Whole()) == ""


def test_signatures_are_as_written():
    words = "double(by: float = 2, *, quoted: int = 1) -> float"
    assert reference.signature(Whole.double, "double") == words
    entry = reference.class_entry("Whole", Whole)
    assert "- `rate: float = 0.5`: A rate." in entry
    assert f"```python\n{words}\n```\n\nReturn a multiple." in entry
    assert entry.startswith("More settings.")


def test_a_long_signature_takes_a_line_a_parameter():
    def long_name(first_of_many: int, second_of_many: float, *others: str, flag: bool = False):
        pass

    written = reference.signature(long_name, "long_name_that_is_long").splitlines()
    assert written[0] == "long_name_that_is_long("
    assert written[-2:] == ["    flag: bool = False,", ")"]


def test_bars_in_a_table_are_escaped():
    row = reference.Row("`a`", "int", "", "", "weight of |f|²")
    assert reference.table([row]).splitlines()[-1] == r"| `a` | int | weight of \|f\|² |"


def test_the_picture_is_up_to_date(tmp_path, monkeypatch):
    kept = components.OUT.read_text()
    monkeypatch.setattr(components, "OUT", tmp_path / "picture.svg")
    monkeypatch.setattr("sys.argv", ["components.py"])
    components.main()
    made = components.OUT.read_text()
    # Its words; the curves of letters differ between versions of matplotlib.
    words = [re.findall("<!-- (.+?) -->", text, re.DOTALL) for text in (made, kept)]
    assert words[0] == words[1], "run: python -m tools.components"
    assert "μ" in words[0]
