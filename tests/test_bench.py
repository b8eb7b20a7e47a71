"""The measurement runs; what it finds depends on the machine."""

import time

import pytest

from dreamrl.bench import env_speed, train_start
from dreamrl.errors import UserError


def test_env_speed_measures_steps():
    result = env_speed("bus", batch=16, repeats=3, seconds=0.01)
    assert result["family"] == "bus"
    assert result["batch"] == 16
    assert 0 < result["slowest"] <= result["steps_per_second"] <= result["fastest"]
    assert result["compile_seconds"] > 0


def test_env_speed_names_what_is_wrong():
    with pytest.raises(UserError, match="batch must be at least 1, is 0"):
        env_speed("bus", batch=0)
    with pytest.raises(UserError, match="unknown family 'buss': did you mean 'bus'"):
        env_speed("buss")


def test_a_short_training_is_measured(fake):
    measured = train_start("bus", "fake", chunks=2, chunk=2, began=time.perf_counter())
    assert measured["steps_per_second"] > 0
    assert measured["start_seconds"] >= measured["compile_seconds"] > 0
    assert measured["peak_memory_mb"] > 10
