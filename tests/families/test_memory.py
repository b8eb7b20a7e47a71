"""Whether pictures fit into memory."""

import pytest

import dreamrl
from dreamrl.errors import UserError
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
        "11.3 GB of memory, of 1.0 GB that there are: choose fewer trials, or smaller observations"
    )
    monkeypatch.setattr(memory, "machine_bytes", lambda: one - 1)
    with pytest.raises(UserError, match="one trial with observations of 60 x 80 x 3"):
        check_memory(sign)
    monkeypatch.setattr(memory, "machine_bytes", lambda: None)
    check_memory(sign, trials=10**9)
