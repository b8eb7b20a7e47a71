"""Trials over devices come to what they come to on one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType

import dreamrl
from dreamrl.agents import registry
from dreamrl.configuration import changed
from dreamrl.devices import Devices, check_devices, layout
from dreamrl.learners import replay
from dreamrl.sharding import TRIALS, over_trials, own_key
from dreamrl.training import Plan, train

PLAN = Plan(chunk=1, evaluation_trials=8)


@pytest.fixture
def on_devices():
    """(count, function, *inputs) -> what the function comes to where trials are over so many."""

    def run(count, function, *inputs):
        devices = jax.devices()[:count]
        mesh = jax.make_mesh((count,), (TRIALS,), axis_types=(AxisType.Auto,), devices=devices)
        with jax.set_mesh(mesh):
            return jax.tree.map(np.asarray, jax.jit(function)(*inputs))

    return run


@pytest.mark.parametrize("count", [1, 2, 4])
def test_each_trial_is_done_once_and_means_are_of_all(on_devices, count):
    trials = jnp.arange(8.0)

    def both(factor, trials):
        scaled = over_trials(lambda factor, x: factor * x)(factor, trials)
        return scaled, over_trials(lambda factor, x: (factor * x**2).mean(), mean=True)(
            factor, trials
        )

    scaled, mean = on_devices(count, both, jnp.array(3.0), trials)
    np.testing.assert_array_equal(scaled, 3 * np.arange(8.0))
    assert mean == 3 * (np.arange(8.0) ** 2).mean()


def test_means_of_counts_are_no_whole_numbers(on_devices):
    def count(_, trials):
        return {"many": (trials > 4).sum(), "most": trials.max()}

    means = on_devices(2, over_trials(count, mean=True), jnp.array(0.0), jnp.arange(8.0))
    assert means == {"many": 1.5, "most": 5.0}


def test_each_share_draws_for_itself(on_devices):
    def draw(key, trials):
        return over_trials(lambda key, x: jax.random.uniform(own_key(key), x.shape))(key, trials)

    drawn = on_devices(4, draw, jax.random.key(0), jnp.zeros(8))
    assert len(set(drawn.tolist())) == 8
    alone = on_devices(1, draw, jax.random.key(0), jnp.zeros(8))
    np.testing.assert_array_equal(alone, jax.random.uniform(jax.random.key(0), (8,)))


@pytest.mark.parametrize("count", [2, 4])
def test_a_replay_over_devices_keeps_and_gives_the_same(on_devices, count):
    """Six batches of 4 in 16 places: the oldest two have gone."""

    def fill(batches):
        ring = replay.empty({"x": batches[0, 0], "even": jnp.array(True)}, 16)
        for batch in batches:
            ring = replay.add(ring, {"x": batch, "even": batch % 2 == 0})
        return ring, replay.sample(ring, jax.random.key(1), 8)

    batches = jnp.arange(24).reshape(6, 4)
    one, several = (on_devices(n, fill, batches) for n in (1, count))
    jax.tree.map(np.testing.assert_array_equal, one, several)
    assert set(several[0].items["x"].tolist()) == set(range(8, 24))


@pytest.fixture(scope="module")
def trainings():
    """One iteration of a small DREAM on one device, and two on two of them."""
    settings = changed(
        registry.settings_for("dream", "bus"),
        {"iterations": 2, "trials": 32, "decoder.batch": 16, "decoder.replay": 128},
    )
    kept = {}
    for per_seed in (1, 2):
        kept[per_seed] = []
        trainer = registry.make_trainer("dream", dreamrl.make("bus"), settings)
        train(trainer, (0,), PLAN, keep=kept[per_seed].append, devices=Devices(2, per_seed))
    return trainer, kept


def of_all(ring):
    """Return the items of the one seed's replay, in an order of their own."""
    items = [np.asarray(leaf[0]).reshape(leaf.shape[1], -1) for leaf in jax.tree.leaves(ring.items)]
    rows = np.concatenate(items, axis=1).astype(float)
    return rows[np.lexsort(rows.T)]


def test_the_trials_of_a_seed_on_two_devices_are_those_on_one(trainings):
    _, kept = trainings
    one, two = kept[1][0], kept[2][0]
    assert one.steps == two.steps
    first, second = (of_all(training.state.memory.replay) for training in (one, two))
    jax.tree.map(np.testing.assert_array_equal, first, second)
    for name in ("information", "return_encoder", "loss_exploitation", "loss_decoder"):
        assert one.records[0][name] == pytest.approx(two.records[0][name], abs=0.1)


def test_such_a_training_goes_on_on_one_device(trainings):
    trainer, kept = trainings
    again = train(trainer, (0,), PLAN, start=kept[2][0])
    assert again.finished
    assert again.records[0]["finite"] == 1.0
    for leaf in jax.tree.leaves(kept[2][0].state):
        assert len(leaf.devices()) == 1


@pytest.mark.parametrize(
    ("seeds", "number", "per_seed", "shape"),
    [(3, 4, 1, (3, 1)), (3, 4, 2, (2, 2)), (1, 4, 2, (1, 2)), (5, 4, 4, (1, 4)), (5, 3, 2, (1, 2))],
)
def test_devices_are_divided_among_seeds(seeds, number, per_seed, shape):
    assert layout(dreamrl.make("bus"), seeds, Devices(number, per_seed)).mesh.devices.shape == shape


def test_what_cannot_be_divided():
    with pytest.raises(dreamrl.UserError, match="devices_per_seed must be at most 4, all devices"):
        check_devices(None, 5)
    with pytest.raises(dreamrl.UserError, match="devices_per_seed must be at most 2, all devices"):
        check_devices(2, 4)
    with pytest.raises(dreamrl.UserError, match="devices_per_seed must be at least 1"):
        check_devices(2, 0)
    with pytest.raises(dreamrl.UserError, match="devices_per_seed 3 does not divide the 64 trials"):
        dreamrl.train("e-rl2", "bandit", trials=64, devices_per_seed=3)
    with pytest.raises(dreamrl.UserError, match="devices_per_seed 4 does not divide the 2 trials"):
        dreamrl.train("e-rl2", "bandit", trials=8, minibatches=4, devices_per_seed=4)
    with pytest.raises(dreamrl.UserError, match="devices_per_seed 4 does not divide the 10 trials"):
        dreamrl.train("dream", "bus", trials=64, iterations=1, batch=10, devices_per_seed=4)


def test_a_round_that_would_lie_on_two_devices_is_refused(on_devices):
    """Three rounds of 4 over two devices: the second has two places on each."""

    def fill(batch):
        return replay.add(replay.empty({"x": batch[0]}, 12), {"x": batch})

    with pytest.raises(dreamrl.UserError, match="devices_per_seed 2 does not divide the 3 rounds"):
        on_devices(2, fill, jnp.arange(4))
    settings = {"trials": 32, "batch": 16, "decoder.replay": 96, "devices_per_seed": 2}
    with pytest.raises(dreamrl.UserError, match="devices_per_seed 2 does not divide the 3 rounds"):
        dreamrl.train("dream", "bus", iterations=1, **settings)
