"""The training loop, on an algorithm that learns nothing quickly."""

import functools

import jax
import numpy as np
import pytest

import dreamrl
from dreamrl.agents import registry
from dreamrl.configuration import changed
from dreamrl.devices import Devices, layout
from dreamrl.families.wrapper import Wrapper
from dreamrl.listener import Callbacks
from dreamrl.training import Plan, TrainingDiverged, train

PLAN = Plan(chunk=4, evaluation_trials=8)


@pytest.fixture
def family():
    return dreamrl.make("bus")


@pytest.fixture
def make(fake, family):
    return lambda **settings: registry.make_trainer("fake", family, changed(fake(), settings))


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
    end = train(make(), (0, 7), plan, Callbacks(whole.append), until=until, keep=kept.append)
    for start in [None, *kept]:
        asked = iter((False, True))
        stop = functools.partial(next, asked)
        train(make(), (0, 7), plan, Callbacks(parts.append, stop), start=start, until=until)
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
    training = train(make(), (0, 7), PLAN, Callbacks(told.append))
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
    train(make(), (0,), plan, Callbacks(told.append))
    assert [r["iteration"] for [r] in told if "return_unseen" in r] == [4, 6]


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(make):
    with pytest.raises(TrainingDiverged, match="decoder was not finite at iteration 6") as caught:
        train(make(break_at=6), (0,), PLAN)
    assert [failure.place for failure in caught.value.failures] == [0]
    kept = caught.value.training
    assert kept.iteration == 4
    good = train(make(iterations=4), (0,), PLAN).state
    jax.tree.map(np.testing.assert_array_equal, kept.state.params, good.params)


@pytest.mark.parametrize("spoil", [False, True], ids=["loss", "parameters"])
def test_a_seed_that_diverges_leaves_the_others_as_they_would_be_without_it(make, spoil):
    broken = make(break_at=3, break_seed=4, spoil=spoil)
    plan, told, without, kept = Plan(chunk=2, evaluation_trials=8), [], [], []
    # The same program, with a seed to break that is not among them.
    unbroken = make(break_at=3, break_seed=9, spoil=spoil)
    alone = train(unbroken, (3, 4, 5), plan, Callbacks(without.append), keep=kept.append)
    training = train(broken, (3, 4, 5), plan, Callbacks(told.append))
    assert (training.finished, training.iteration, training.steps) == (True, 6, (60, 20, 60))
    [failure] = training.failures
    assert (failure.place, failure.iteration) == (1, 2)
    what = "a parameter was" if spoil else "the loss of decoder was"
    assert f"{what} not finite at iteration {4 if spoil else 3} (seed 4)" in failure.error
    for place in (0, 2):
        same = jax.tree.map(
            lambda a, b, i=place: bool((a[i] == b[i]).all()),
            *(each.state for each in (training, alone)),
        )
        assert all(jax.tree.leaves(same))
    # The other one stays as it was before the chunk.
    assert kept[0].iteration == 2
    states = training.state.params, kept[0].state.params
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[1], b[1]), *states)
    assert [[r["seed"] for r in records] for records in told] == [[3, 4, 5], [3, 5], [3, 5]]
    healthy = [r["return_unseen"] for r in told[-1]]
    assert healthy == [without[-1][i]["return_unseen"] for i in (0, 2)]


def test_a_training_with_a_failed_seed_goes_on_where_it_stopped(make):
    broken, plan, kept = make(break_at=3, break_seed=4), Plan(chunk=2, evaluation_trials=8), []
    whole = train(broken, (3, 4), plan, keep=kept.append)
    again = train(broken, (3, 4), plan, start=kept[1])
    assert again.failures == whole.failures == kept[1].failures
    jax.tree.map(np.testing.assert_array_equal, again.state.params, whole.state.params)


def test_stopping_between_chunks(make):
    told = []
    training = train(make(), (0,), PLAN, Callbacks(told.append, stop=lambda: bool(told)))
    assert not training.finished
    assert training.iteration == 4


@pytest.mark.parametrize("devices", [1, 2, 3, 4])
def test_seeds_are_the_same_on_any_number_of_devices_and_alone(make, devices):
    """Five seeds: no number of devices but one divides them."""
    told, spread = [], []
    alone = train(make(), (4,), PLAN, Callbacks(told.append), devices=Devices(1))
    several = train(make(), range(1, 6), PLAN, Callbacks(spread.append), devices=Devices(devices))
    assert several.steps == (60,) * 5
    assert [len(records) for records in spread] == [5, 5]
    jax.tree.map(
        lambda one, all_: np.testing.assert_array_equal(one[0], all_[3]),
        alone.state.params,
        several.state.params,
    )
    assert told[-1][0]["return_unseen"] == spread[-1][3]["return_unseen"]
    for leaf in jax.tree.leaves(several.state):
        assert leaf.shape[0] == 5
        assert len(leaf.devices()) == 1


@pytest.mark.parametrize(("before", "after"), [(1, 3), (4, 2)])
def test_a_training_goes_on_on_another_number_of_devices(make, before, after):
    kept = []
    whole = train(make(), (1, 2, 3), PLAN, keep=kept.append, devices=Devices(before))
    again = train(make(), (1, 2, 3), PLAN, start=kept[0], devices=Devices(after))
    assert kept[0].iteration == 4
    jax.tree.map(np.testing.assert_array_equal, again.state.params, whole.state.params)


def test_a_seed_that_diverges_on_its_device_leaves_the_others_as_they_were(make):
    broken = make(break_at=3, break_seed=4)
    one, several = (train(broken, (3, 4, 5), PLAN, devices=Devices(n)) for n in (1, 2))
    assert one.failures == several.failures
    assert one.steps == several.steps
    jax.tree.map(np.testing.assert_array_equal, one.state.params, several.state.params)


def test_more_devices_than_there_are_cannot_be_had(make):
    with pytest.raises(dreamrl.UserError, match="devices must be at most 4, as many as JAX has"):
        train(make(), (0,), PLAN, devices=Devices(5))


def test_environments_of_the_host_stay_on_one_device(family):
    class Limited(Wrapper):
        at_once = 8

    assert layout(family, 3).mesh.size == 3
    assert layout(family, 9).mesh.size == 4
    assert layout(Limited(family), 3).mesh.size == 1
