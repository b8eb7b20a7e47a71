"""Nested settings: ranges beside the field, changes by name, and JSON."""

import dataclasses
import json
from typing import Annotated, ClassVar, Literal

import numpy as np
import pytest

from dreamrl.agents.dream.settings import Constrained, DreamSettings, Fixed, Unlimited
from dreamrl.agents.registry import METHODS
from dreamrl.configuration import (
    COUNT,
    SHARE,
    Range,
    changed,
    changed_by_text,
    check_divides,
    check_order,
    check_ranges,
    from_dict,
    kinds_of,
    paths_of,
    resolve,
    to_dict,
)
from dreamrl.errors import UserError
from dreamrl.learners.dqn import DQN
from dreamrl.learners.ppo import PPO


@dataclasses.dataclass(frozen=True)
class Small:
    size: Annotated[int, COUNT] = 4
    share: Annotated[float, SHARE] = 0.5
    word: Literal["fast", "slow", "never"] = "fast"
    on: bool = True

    name: ClassVar[str] = "small"

    def __post_init__(self):
        check_ranges(self)


@dataclasses.dataclass(frozen=True)
class Large:
    weight: float = 2.0
    odd: Annotated[float, Range(-1.0, 1.0)] = 0.0

    name: ClassVar[str] = "large"

    def __post_init__(self):
        check_ranges(self)


@dataclasses.dataclass(frozen=True)
class Whole:
    part: Small | Large = Small()
    first: Small = Small()
    second: Small = Small(size=2)
    total: int = 8
    lead: int = 1
    last: int = 3

    def __post_init__(self):
        check_ranges(self)
        check_divides("total", self.total, "first.size", self.first.size)
        check_order(self, "lead", "last")


@dataclasses.dataclass(frozen=True)
class Mixed:
    """A word or a number."""

    stop: Annotated[int | Literal["rule", "never"], Range(0, 9)] = "rule"

    def __post_init__(self):
        check_ranges(self)


def test_a_setting_may_be_a_word_or_a_number():
    assert [Mixed(x).stop for x in ("never", 0, np.int32(9))] == ["never", 0, 9]
    for wrong in ("soon", -1, 10, 2.5, True, None):
        with pytest.raises(UserError) as error:
            Mixed(wrong)
        said = "it must be rule, never, or a whole number from 0 to 9."
        assert str(error.value) == f"stop is {wrong!r}: {said}"
    read = [changed_by_text(Mixed(), {"stop": text}).stop for text in ("7", "never")]
    assert read == [7, "never"]
    with pytest.raises(UserError, match=r"stop is '7\.5'"):
        changed_by_text(Mixed(), {"stop": "7.5"})
    assert from_dict(Mixed, to_dict(Mixed(7))) == Mixed(7)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Small(size=0), "size is 0: it must be from 1 to 1e+09."),
        (lambda: Small(size=2.5), "size is 2.5: it must be a whole number."),
        (lambda: Small(size="2"), "size is '2': it must be a number."),
        (lambda: Small(size=True), "size is True: it must be a number."),
        (lambda: Small(share=1.5), "share is 1.5: it must be from 0 to 1."),
        (lambda: Small(share=float("nan")), "share is nan: it must be from 0 to 1."),
        (lambda: Small(word="often"), "word is 'often': it must be fast, slow or never."),
        (lambda: Small(on=1), "on is 1: it must be true or false."),
        # Without a range a number must be 0 or more, and infinity is one.
        (lambda: Large(weight=-0.5), "weight is -0.5: it must be from 0 to inf."),
        (lambda: Large(odd=-1.5), "odd is -1.5: it must be from -1 to 1."),
        (lambda: Whole(total=9), "total (9) must be a multiple of first.size (4)."),
        (lambda: Whole(lead=3), "lead must be smaller than last."),
        (lambda: from_dict(Whole, {"first": 3}), "first is 3: it must be settings of its own."),
        (lambda: from_dict(Whole, {"lead": {}}), "lead is {}: it must be a value."),
        (lambda: changed(DreamSettings(), {"learner": 5}), "learner is 5: it must be ppo or dqn."),
    ],
)
def test_ranges_stand_beside_the_field(make, said):
    with pytest.raises(UserError) as caught:
        make()
    assert str(caught.value) == said


def test_bounds_are_included():
    assert Small(share=1.0).share == 1.0
    assert Small(share=0).share == 0
    assert Large(odd=-1.0).odd == -1.0


def test_numbers_of_numpy_become_plain():
    made = Small(np.int64(3), np.float32(0.25), on=np.bool_(False))
    assert made == Small(3, 0.25, on=False)
    assert [type(x) for x in dataclasses.astuple(made)] == [int, float, str, bool]
    assert type(Small(np.array(3)).size) is int
    assert json.loads(json.dumps(to_dict(made))) == to_dict(made)
    assert hash(made) == hash(Small(3, 0.25, on=False))


def test_a_setting_has_a_path():
    assert paths_of(Whole(part=Large())) == {
        "part": "large",
        "part.weight": 2.0,
        "part.odd": 0.0,
        "first.size": 4,
        "first.share": 0.5,
        "first.word": "fast",
        "first.on": True,
        "second.size": 2,
        "second.share": 0.5,
        "second.word": "fast",
        "second.on": True,
        "total": 8,
        "lead": 1,
        "last": 3,
    }


def test_an_end_that_is_unambiguous_is_enough():
    settings = Whole(part=Large())
    assert resolve(settings, "weight") == "part.weight"
    assert resolve(settings, "first.size") == "first.size"
    assert resolve(settings, "part") == "part"
    assert resolve(DreamSettings(), "last-learning-rate") == "budget.last_learning_rate"


def test_an_ambiguous_end_names_all():
    with pytest.raises(UserError) as caught:
        resolve(Whole(part=Large()), "size")
    assert str(caught.value) == "setting size is one of first.size, second.size: say which"
    with pytest.raises(UserError, match=r"exploitation\.hidden, exploration\.hidden, decoder\."):
        changed(DreamSettings(), {"hidden": 3})


def test_a_setting_that_there_is_not_is_named():
    with pytest.raises(UserError, match=r"setting.*'wieght'.*weight"):
        resolve(Whole(part=Large()), "wieght")
    # A part of a name is none of its ends.
    with pytest.raises(UserError, match="setting"):
        resolve(Whole(part=Large()), "eight")


def test_changes_leave_all_else_as_it_was():
    settings = Whole(second=Small(size=7))
    after = changed(settings, {"first.share": 0.25, "last": 5})
    assert after == Whole(first=Small(share=0.25), second=Small(size=7), last=5)
    assert settings == Whole(second=Small(size=7))
    assert changed(settings, {}) == settings


def test_changes_that_fit_together_only_as_a_whole_are_made_at_once():
    """Whatever their order, and wherever they are."""
    for changes in ({"total": 9, "first.size": 3}, {"first.size": 3, "total": 9}):
        assert changed(Whole(), changes) == Whole(first=Small(size=3), total=9)
        written = {name: str(value) for name, value in changes.items()}
        assert changed_by_text(Whole(), written) == Whole(first=Small(size=3), total=9)
    for changes in ({"lead": 8, "last": 9}, {"last": 9, "lead": 8}):
        assert changed(Whole(), changes) == Whole(lead=8, last=9)
    odd = changed(DreamSettings(), {"trials": 100, "decoder.replay": 1000, "minibatches": 5})
    assert (odd.budget.trials, odd.decoder.replay, odd.learner.minibatches) == (100, 1000, 5)
    with pytest.raises(UserError, match=r"total \(9\) must be a multiple"):
        changed(Whole(), {"total": 9})


def test_a_change_is_checked():
    with pytest.raises(UserError, match=r"share is 1\.5"):
        changed(Whole(), {"first.share": 1.5})
    assert changed(Whole(), {"first.size": np.int64(2)}).first.size == 2
    assert type(changed(Whole(), {"first.size": np.int64(2)}).first.size) is int


def test_a_kind_is_chosen_by_its_name_before_what_is_within_it():
    assert kinds_of(Small | Large) == {"small": Small, "large": Large}
    assert kinds_of(Small) == {"small": Small}
    assert kinds_of(int) == {}
    for changes in ({"part": "large", "weight": 3.0}, {"weight": 3.0, "part": "large"}):
        assert changed(Whole(), changes).part == Large(weight=3.0)
        written = {name: str(value) for name, value in changes.items()}
        assert changed_by_text(Whole(), written).part == Large(weight=3.0)
    # The kind that it is of already keeps what it has.
    own = Whole(part=Small(size=9))
    assert changed(own, {"part": "small"}) == own
    assert changed(own, {"part": Large(weight=1.0)}).part == Large(weight=1.0)
    with pytest.raises(UserError, match=r"^part is 'huge': it must be small or large\.$"):
        changed(Whole(), {"part": "huge"})
    # What belongs to another kind is no setting.
    with pytest.raises(UserError, match="setting"):
        changed(Whole(), {"part.weight": 3.0})


@pytest.mark.parametrize(
    ("name", "kind"), [("constrained", Constrained), ("fixed", Fixed), ("none", Unlimited)]
)
def test_bottlenecks_and_learners_are_kinds(name, kind):
    assert changed(DreamSettings(), {"bottleneck": name}).bottleneck == kind()
    assert isinstance(changed(DreamSettings(), {"learner": "dqn"}).learner, DQN)
    assert isinstance(changed(DreamSettings(), {"learner": "ppo"}).learner, PPO)


def test_changes_as_they_are_written():
    written = {
        "first.size": "2",
        "first.share": "1e-1",
        "first.word": "slow",
        "first.on": "false",
        "total": "10",
    }
    expected = Whole(first=Small(2, 0.1, "slow", False), total=10)
    assert changed_by_text(Whole(), written) == expected


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("first.size", "2.5", "size is '2.5': it must be a whole number"),
        ("first.share", "half", "share is 'half': it must be a number"),
        ("first.on", "yes", "on is 'yes': it must be true or false"),
        ("first.word", "often", "word is 'often': it must be fast, slow or never"),
        ("first.share", "2", "share is 2.0: it must be from 0 to 1"),
    ],
)
def test_what_is_written_wrong_is_said(name, text, said):
    with pytest.raises(UserError) as caught:
        changed_by_text(Whole(), {name: text})
    assert str(caught.value).rstrip(".") == said


CASES = [(m, p) for m in METHODS for p in METHODS[m].presets]


@pytest.mark.parametrize(("method", "preset"), CASES)
def test_every_preset_goes_to_json_and_back(method, preset):
    settings, kind = METHODS[method].presets[preset], METHODS[method].settings
    written = json.loads(json.dumps(to_dict(settings)))
    back = from_dict(kind, written)
    assert back == settings
    assert type(back) is type(settings)
    # All of it is there, and by the same paths.
    assert paths_of(back) == paths_of(settings)


def test_a_kind_is_written_with_its_name():
    assert to_dict(Whole(part=Large()))["part"] == {"kind": "large", "weight": 2.0, "odd": 0.0}
    assert from_dict(Whole, {"part": {"kind": "large"}}) == Whole(part=Large())
    with pytest.raises(UserError, match="kind is 'huge': it must be small or large"):
        from_dict(Whole, {"part": {"kind": "huge"}})


def test_what_is_missing_has_its_default():
    assert from_dict(Whole, {}) == Whole()
    assert from_dict(Whole, {"second": {}}).second == Small()
    assert from_dict(Whole, {"total": 12}) == Whole(total=12)


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"totals": 3}, "unknown setting 'totals' of Whole"),
        ({"first": {"weight": 3}}, "unknown setting 'weight' of Small"),
        ({"first": {"share": 7}}, "share is 7: it must be from 0 to 1"),
        ({"first": {"size": "x"}}, "size is 'x': it must be a number"),
    ],
)
def test_what_cannot_be_read_is_said(held, said):
    with pytest.raises(UserError, match=said):
        from_dict(Whole, held)
