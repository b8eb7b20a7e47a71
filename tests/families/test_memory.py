"""Whether pictures fit into memory."""

import jax
import numpy as np
import pytest

import dreamrl
from dreamrl.agents.registry import make_trainer, settings_for
from dreamrl.bench import env_speed
from dreamrl.configuration import changed
from dreamrl.errors import UserError
from dreamrl.evaluation import _compiled, evaluate
from dreamrl.families import memory
from dreamrl.families.memory import check_memory, trial_bytes


def test_bytes_are_counted():
    sign, bus = dreamrl.make("sign"), dreamrl.make("bus")
    assert trial_bytes(sign) == 2 * 2 * 21 * 60 * 80 * 3
    assert trial_bytes(sign, trials=10, episodes=3) == 10 * 2 * trial_bytes(sign)
    assert trial_bytes(bus) == 2 * 2 * 21 * 3 * 4


def test_what_does_not_fit_is_said_in_a_line(monkeypatch):
    sign = dreamrl.make("sign")
    check_memory(sign, trials=256)
    one = trial_bytes(sign)
    check_memory(sign, trials=3, available=3 * one)
    with pytest.raises(UserError) as caught:
        check_memory(sign, trials=10_000, available=2**30)
    assert str(caught.value) == (
        "family 'sign': 10000 trials at once with observations of 60 x 80 x 3 would take at least "
        "11.3 GB of memory, of 1.0 GB that there are: choose fewer, or smaller observations"
    )
    check_memory(sign, trials=3, available=4 * one, replayed=4)
    with pytest.raises(UserError, match="3 trials at once and 5 replayed episodes"):
        check_memory(sign, trials=3, available=4 * one, replayed=5)
    monkeypatch.setattr(memory, "machine_bytes", lambda: one - 1)
    with pytest.raises(UserError, match="one trial with observations of 60 x 80 x 3"):
        check_memory(sign)
    monkeypatch.setattr(memory, "machine_bytes", lambda: None)
    check_memory(sign, trials=10**9)


def test_a_training_that_does_not_fit_is_not_begun(monkeypatch):
    sign = dreamrl.make("sign")
    settings = settings_for("dream", "sign")
    make_trainer("dream", sign, settings)
    monkeypatch.setattr(memory, "machine_bytes", lambda: 2**28)
    with pytest.raises(UserError, match=r"of 0\.2 GB that there are: choose fewer"):
        make_trainer("dream", sign, settings)
    monkeypatch.setattr(memory, "machine_bytes", lambda: 2**33)
    make_trainer("dream", sign, settings)
    with pytest.raises(UserError, match="2560 trials at once and 40960 replayed episodes"):
        make_trainer("dream", sign, settings, seeds=10)
    with pytest.raises(UserError, match="100000 trials at once"):
        env_speed("sign", batch=100_000)


def test_pictures_in_which_nothing_can_be_seen_are_refused():
    small = dreamrl.make("sign", height=9, width=80)
    with pytest.raises(UserError, match="from 10 x 10 pixels on: 9 x 80 are too few"):
        make_trainer("dream", small, settings_for("dream", "sign"))


@pytest.mark.parametrize(
    ("name", "changes", "kept"),
    [
        ("dream", {}, 32768),
        ("dream", {"learner": "dqn"}, 2 * 16384 + 32768),
        ("e-rl2", {"learner": "dqn", "episodes": 3}, 4 * 16384),
        ("pearl", {}, 2 * 32768),
    ],
)
def test_what_is_replayed_counts(name, changes, kept, monkeypatch):
    """Whole trials of those that learn by Q, explorations of the others."""
    sign = dreamrl.make("sign")
    settings = changed(settings_for(name, "default"), changes)
    monkeypatch.setattr(memory, "machine_bytes", lambda: 2**28)
    with pytest.raises(UserError, match=f"and {kept} replayed episodes"):
        make_trainer(name, sign, settings)


def test_trials_take_turns_where_all_do_not_fit(monkeypatch):
    """And come to the same."""
    bus = dreamrl.make("bus")
    algorithm = make_trainer("dream", bus, settings_for("dream", "bus"))
    agent = algorithm.agent(algorithm.init(jax.random.key(0)))
    assert memory.side_by_side(bus) > 2000 > memory.side_by_side(dreamrl.make("sign"))
    at_once = evaluate(bus, agent, bus.test_ids, trials=50)
    monkeypatch.setattr(memory, "AT_ONCE", 20 * memory.trial_bytes(bus))
    _compiled.cache_clear()
    taking_turns = evaluate(bus, agent, bus.test_ids, trials=50)
    np.testing.assert_array_equal(at_once.returns, taking_turns.returns)
