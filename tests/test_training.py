"""The training loop, on an algorithm that learns nothing quickly."""

import functools
import os
import signal

import jax
import numpy as np
import pytest

import dreamrl
from dreamrl.agents import registry
from dreamrl.training import Plan, TrainingDiverged, interruptible, train

PLAN = Plan(chunk=4, evaluation_trials=8)


@pytest.fixture
def family():
    return dreamrl.make("bus")


@pytest.fixture
def make(fake, family):
    return lambda **settings: registry.make_trainer("fake", family, fake(**settings))


def test_the_same_seed_gives_the_same_parameters(make):
    first, second = (train(make(), (3, 4), PLAN).state.params for _ in range(2))
    jax.tree.map(np.testing.assert_array_equal, first, second)
    assert (first.table[0] != first.table[1]).any()


def test_chunks_change_nothing(make):
    whole = train(make(), (0,), Plan(chunk=6, evaluation_trials=8)).state.params
    parts = train(make(), (0,), Plan(chunk=1, evaluation_trials=8)).state.params
    jax.tree.map(np.testing.assert_array_equal, whole, parts)


@pytest.mark.parametrize("until", [None, 95])
def test_a_training_goes_on_where_another_stopped(make, until):
    """Behind the six iterations of the settings, of ten steps each, only `until` counts."""
    whole, parts, kept = [], [], []
    plan = Plan(chunk=4, evaluate_every=2, evaluation_trials=8)
    end = train(make(), (0, 7), plan, whole.append, until=until, keep=kept.append)
    for start in [None, *kept]:
        asked = iter((False, True))
        stop = functools.partial(next, asked)
        train(make(), (0, 7), plan, parts.append, stop, start=start, until=until)
    assert kept[-1][1:4] == end[1:4]
    assert end.iteration == (6 if until is None else 10)
    assert [r["iteration"] for r, _ in whole] == [4, 6] if until is None else [4, 6, 10]
    jax.tree.map(np.testing.assert_array_equal, kept[-1].state.params, end.state.params)
    clocks = {"seconds", "compile_seconds", "steps_per_second"}
    without = [
        [{k: v for k, v in record.items() if k not in clocks} for pair in told for record in pair]
        for told in (whole, parts)
    ]
    assert without[0] == without[1]


def test_records_tell_of_every_chunk_and_seed(make):
    told = []
    training = train(make(), (0, 7), PLAN, report=told.append)
    assert training.finished
    assert training.iteration == 6
    assert [[r["seed"] for r in records] for records in told] == [[0, 7], [0, 7]]
    assert [records[0]["iteration"] for records in told] == [4, 6]
    assert [records[0]["steps"] for records in told] == [40, 60]
    # Iterations 1 to 4, then 5 and 6, of a metric that is a tenth of the iteration.
    information = [records[0]["information"] for records in told]
    np.testing.assert_allclose(information, [0.25, 0.55], rtol=1e-6)
    for name in ("return_unseen", "return_train", "exploration_length", "compile_seconds"):
        assert name in told[0][0]
    # The fake walks to the corner and explores seven steps.
    assert told[0][0]["return_unseen"] == pytest.approx(0.3, abs=1e-5)
    assert told[0][0]["exploration_length"] == 7


def test_evaluations_come_as_often_as_asked_and_at_the_end(make):
    told = []
    plan = Plan(chunk=1, evaluate_every=4, evaluation_trials=8)
    train(make(), (0,), plan, report=told.append)
    assert [r["iteration"] for [r] in told if "return_unseen" in r] == [4, 6]


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(make):
    with pytest.raises(TrainingDiverged, match="decoder was not finite at iteration 6") as caught:
        train(make(break_at=6), (0,), PLAN)
    assert caught.value.parts == ["decoder"]
    kept = caught.value.training
    assert kept.iteration == 4
    good = train(make(iterations=4), (0,), PLAN).state
    jax.tree.map(np.testing.assert_array_equal, kept.state.params, good.params)


def test_stopping_between_chunks(make):
    told = []
    training = train(make(), (0,), PLAN, told.append, stop=lambda: bool(told))
    assert not training.finished
    assert training.iteration == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_stops(number):
    said = []
    before = signal.getsignal(number)
    with interruptible(lambda: said.append("stopping")) as stop:
        assert not stop()
        os.kill(os.getpid(), number)
        assert stop()
        assert said == ["stopping"]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before
