"""The z that exploitations act on in training."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.algorithm import Snapshot
from dreamrl.configuration import changed
from dreamrl.types import ProblemID


@pytest.mark.parametrize("objective", ["information-gain", "regret"])
def test_beliefs_are_acted_on_as_at_meta_test_where_settings_say_so(untrained, objective):
    def drawn(belief_noise):
        changes = {"exploitation.belief_noise": belief_noise, "exploration.objective": objective}
        settings = changed(untrained.algorithm.settings, changes)
        algorithm = dataclasses.replace(untrained.algorithm, settings=settings)
        ids = ProblemID(jnp.zeros(settings.budget.trials, jnp.int32))
        now = Snapshot(untrained.params, jnp.array(1.0), untrained.state.memory)
        keys = jax.random.split(jax.random.key(0))
        conditions, _ = algorithm.conditions(now, ids, *keys)
        return conditions

    noisy, plain = drawn(True), drawn(False)
    believed = np.asarray(plain.believed)
    assert 0 < believed.sum() < believed.size
    np.testing.assert_array_equal(plain.noise[believed], 0)
    assert (noisy.noise[believed] != 0).any()
    np.testing.assert_array_equal(plain.noise[~believed], noisy.noise[~believed])
