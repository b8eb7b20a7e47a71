"""What a sweep goes over: grids, and combinations drawn at random."""

import math

import pytest

from dreamrl.errors import UserError
from dreamrl.sweeps.space import Span, Values, axes, axis, drawn, grid, named


def test_a_grid_has_every_combination_once():
    over = axes(["rate=0.1,0.2", "mode=fast,slow"])
    found = [named("fake", chosen) for chosen in grid(over)]
    assert found == [
        "fake:rate=0.1,mode=fast",
        "fake:rate=0.1,mode=slow",
        "fake:rate=0.2,mode=fast",
        "fake:rate=0.2,mode=slow",
    ]
    assert named("fake:mode=slow", {"rate": "0.1"}) == "fake:mode=slow,rate=0.1"


def test_axes_are_values_or_ranges():
    assert axis("learning-rate=1e-4,3e-4") == Values("learning_rate", ("1e-4", "3e-4"))
    assert axis("rate=1e-5..0.1:log") == Span("rate", 1e-5, 0.1, True, False)
    assert axis("z=2..16") == Span("z", 2, 16, False, True)
    assert axis("x=-1.5..2.") == Span("x", -1.5, 2.0, False, False)


def test_draws_are_in_their_ranges_and_more_begin_with_the_same():
    over = axes(["rate=1e-5..1e-1:log", "z=2..5", "mode=fast,slow"])
    found = drawn(over, 400, seed=3)
    assert drawn(over, 20, seed=3) == found[:20]
    assert drawn(over, 20, seed=4) != found[:20]
    rates = [float(chosen["rate"]) for chosen in found]
    assert 1e-5 <= min(rates) < 2e-5
    assert 0.05 < max(rates) <= 0.1
    # As many below as above the middle of the logarithms, 1e-3.
    assert 150 < sum(rate < 1e-3 for rate in rates) < 250
    whole = [chosen["z"] for chosen in found]
    assert set(whole) == {"2", "3", "4", "5"}
    assert min(whole.count(z) for z in set(whole)) > 60
    assert {chosen["mode"] for chosen in found} == {"fast", "slow"}


def test_draws_are_distinct_and_end_when_there_are_no_more():
    over = axes(["mode=fast,slow", "z=1..3"])
    found = drawn(over, 100, seed=0)
    assert len(found) == 6 == len({tuple(chosen.values()) for chosen in found})


def test_a_rounded_number_is_not_out_of_its_range():
    span = Span("rate", 0.123449, 0.9, False, False)
    assert span.text(0.123449) == "0.123449"
    assert span.text(0.56789) == "0.5679"
    assert math.isclose(float(span.text(0.9)), 0.9)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["rate"], "is not SETTING=VALUES"),
        (["=1,2"], "is not SETTING=VALUES"),
        (["rate=1,,2"], "neither values nor a range"),
        (["rate=1,2,1"], "1 is given twice"),
        (["rate=2..1"], "LOW < HIGH"),
        (["rate=0..1:log"], "0 < LOW < HIGH"),
        (["rate=a..b"], "neither values nor a range"),
        (["rate=1,2", "rate=3"], "--over rate is given twice"),
    ],
)
def test_mistakes_are_told(texts, words):
    with pytest.raises(UserError, match=words):
        axes(texts)


def test_there_is_no_grid_of_a_range():
    with pytest.raises(UserError, match="or --random N or --optuna N"):
        grid(axes(["rate=0..1"]))
