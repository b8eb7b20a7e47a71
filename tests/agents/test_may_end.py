"""Exploitation that may not end its episode by the family's end action."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.algorithm import Snapshot
from dreamrl.agents.registry import make_trainer, settings_for
from dreamrl.configuration import changed
from dreamrl.trial import Percept

PPO = {"learner.minibatches": 1}
DQN = {"learner": "dqn", "updates": 1, "learner.batch": 4, "capacity": 8}
PEARL = {
    "updates": 1,
    "learner.batch": 4,
    "capacity": 8,
    "replayed": 2,
    "contexts": 2,
    "hidden": 8,
}
DREAM = {
    "decoder.replay": 8,
    "decoder.batch": 8,
    "exploration.hidden": 8,
    "exploitation.hidden": 8,
}
CASES = {
    "dream": PPO | DREAM,
    "dream by dqn": DQN | DREAM,
    "rl2": PPO | {"hidden": 8},
    "rl2 by dqn": DQN | {"hidden": 8},
    "varibad": PPO | {"hidden": 8},
    "import": PPO | {"hidden": 8},
    "oracle": PPO | {"hidden": 8},
    "pearl": PEARL,
    "maml": PPO | {"hidden": 8},
}


def a_trainer(case, family, may_end):
    name = case.partition(" ")[0]
    changes = CASES[case] | {"trials": 8, "iterations": 2, "may_end": may_end}
    return make_trainer(name, family, changed(settings_for(name), changes))


@pytest.mark.parametrize("case", CASES)
def test_it_is_never_taken_and_training_goes_on(case, relevant_fact):
    free, kept = (a_trainer(case, relevant_fact, may) for may in (True, False))
    chances = []
    for trainer in (free, kept):
        params = jax.jit(trainer.init)(jax.random.key(0)).params
        policy = params.exploitation if case.startswith("dream") else params.policy
        z = jnp.zeros(policy.z_proj.weight.shape[0])
        seen = jnp.zeros(trainer.family.observation_space.shape, jnp.float32)
        seen = seen.astype(trainer.family.observation_space.dtype)
        percept = Percept(seen, jnp.array(0), jnp.array(0.0), jnp.array(True))
        _, decision = policy.step(policy.init_carry(), percept, jnp.array(0), z)
        end = jnp.array(relevant_fact.end_action)
        chances.append(float(jnp.exp(decision.policy.log_prob(end))))
    np.testing.assert_allclose(chances, [0.25, 0], atol=0.05)

    @jax.jit
    def iterate(key):
        state = kept.init(key)
        # By either learner: one that acts at random does anything but end.
        now = Snapshot(state.params, jnp.array(0.0), state.memory)
        new = kept.play(now, jnp.array(0), key)
        return new.trial.exploitation, kept.iterate(state)[1]

    exploited, metrics = iterate(jax.random.key(0))
    taken = np.asarray(exploited.actions)[np.asarray(exploited.mask)]
    assert relevant_fact.end_action not in taken
    assert len(set(taken.tolist())) == 3
    assert metrics["finite"] == 1
    losses = [value for key, value in metrics.items() if key.startswith("loss")]
    # The logit of a masked action, -1e9 or so, is in none of them.
    assert np.abs(losses).max() < 1000
