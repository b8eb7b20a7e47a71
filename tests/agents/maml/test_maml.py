"""The outer loss: what it is made of, and that its gradient is its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.loop import Trainer
from dreamrl.agents.maml.losses import exploit_unroll, maml_loss
from dreamrl.host import SOON
from dreamrl.learners import ppo

START = jnp.array(0.0)
"""Where the entropies have the weight 0.1."""

slopes = jax.jit(jax.grad(lambda params, batch: maml_loss(params, batch, START)[0]))


def gradient(params, batch):
    return jax.flatten_util.ravel_pytree(slopes(params, batch))[0]


def test_what_was_played_is_what_the_loss_sees(untrained):
    """Explorations by the initial policy, exploitations by the adapted one, step by step."""
    params, batch = untrained.params, untrained.batch
    explored = batch.explored
    decision = jax.vmap(params.unroll)(explored.percepts)
    np.testing.assert_allclose(
        decision.policy.log_prob(explored.actions), explored.log_probs, atol=1e-5
    )
    adapted = jax.jit(jax.vmap(params.adapt))(explored)
    unroll = jax.jit(jax.vmap(jax.vmap(exploit_unroll, (None, 0, 0))))
    for policy, alike in ((adapted, True), (jax.vmap(lambda _: params.policy)(explored), False)):
        decision = unroll(policy, batch.percepts, batch.goals)
        change = decision.policy.log_prob(batch.ppo.actions) - batch.ppo.log_probs
        assert (np.abs(change * batch.ppo.mask).max() < 1e-4) == alike


def test_the_end_action_is_never_taken_in_an_exploration(untrained):
    explored = untrained.batch.explored
    taken = np.asarray(explored.actions)[np.asarray(explored.mask)]
    assert untrained.algorithm.family.end_action not in taken
    played = np.asarray(untrained.batch.ppo.actions)[np.asarray(untrained.batch.ppo.mask)]
    assert untrained.algorithm.family.end_action in played


@pytest.mark.parametrize("objective", ["maml", "e-maml"])
def test_the_gradient_is_that_of_finite_differences(untrained, objective):
    params, batch = untrained.under(objective=objective), untrained.batch
    grads = gradient(params, batch)
    flat, unravel = jax.flatten_util.ravel_pytree(params)
    # Along the gradient, where float32 loses least; small, for the clips are kinks.
    direction = grads / jnp.linalg.norm(grads)
    loss = jax.jit(lambda x: maml_loss(unravel(x), batch, START)[0])
    step = 3e-4
    slope = (loss(flat + step * direction) - loss(flat - step * direction)) / (2 * step)
    assert float(slope) == pytest.approx(float(grads @ direction), rel=0.02)
    first = gradient(untrained.under(objective=objective, order="first"), batch)
    assert abs(float(first @ direction) / float(slope) - 1) > 0.05


def test_e_maml_credits_the_exploration_with_what_followed(untrained):
    batch = untrained.batch
    without = batch._replace(credit=jnp.zeros_like(batch.credit))
    np.testing.assert_array_equal(
        gradient(untrained.under(), batch), gradient(untrained.under(), without)
    )
    params = untrained.under(objective="e-maml")
    found = gradient(params, batch) - gradient(params, without)

    def credited(params):
        """Minus the mean over steps of log pi(a) (R - b)."""
        decision = jax.vmap(params.unroll)(batch.explored.percepts)
        log_probs = decision.policy.log_prob(batch.explored.actions)
        mask = batch.explored.mask
        return -(log_probs * batch.credit[:, None] * mask).sum() / mask.sum()

    expected = jax.flatten_util.ravel_pytree(jax.jit(jax.grad(credited))(params))[0]
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_critic_of_explorations_is_taught_alone(untrained):
    """Its targets are the exploration's rewards: they are in no policy's loss.

    So the loss is the exploitation's, and of the exploration the value error and the entropy.
    """
    params, batch = untrained.params, untrained.batch
    learner, explored = params.settings.learner, batch.explored
    richer = batch._replace(explored=explored._replace(targets=explored.targets + 1.0))

    @jax.jit
    def parts(batch):
        explored = batch.explored
        nothing = jnp.zeros_like(explored.advantages)
        own = ppo.Batch(
            explored.actions, explored.log_probs, nothing, explored.targets, explored.mask
        )
        adapted = jax.vmap(params.adapt)(explored)
        unroll = jax.vmap(jax.vmap(exploit_unroll, (None, 0, 0)))
        decision = unroll(adapted, batch.percepts, batch.goals)
        exploitation, _ = learner.loss(decision, None, batch.ppo, learner.exploitation, START)
        exploration = ppo.ppo_loss(jax.vmap(params.unroll)(explored.percepts), own, learner.clip)
        return maml_loss(params, batch, START)[0], exploitation, exploration

    found = [parts(batch), parts(richer)]
    for loss, exploitation, exploration in found:
        assert float(exploration.policy) == 0
        value, entropy = learner.value_weight * exploration.value, 0.1 * exploration.entropy
        np.testing.assert_allclose(loss, exploitation + value - entropy, rtol=1e-5)
    assert float(found[0][2].value) != float(found[1][2].value)
    np.testing.assert_array_equal(found[0][1], found[1][1])
    grads = [slopes(params, each).policy.network for each in (batch, richer)]
    critics, policies = ([getattr(g, n).bias for g in grads] for n in ("critic", "policy"))
    assert (critics[0] != critics[1]).any()
    # The rates and the heads of the policy see no difference but through shared features.
    np.testing.assert_array_equal(*policies)


def test_seeds_train_side_by_side(untrained):
    algorithm = Trainer(untrained.algorithm)
    keys = jax.vmap(jax.random.key)(jnp.arange(2))

    def both(keys):
        before = jax.vmap(algorithm.init)(keys)
        return before.params, *jax.vmap(algorithm.iterate)(before)

    program = jax.jit(both).lower(keys).compile(compiler_options=SOON)
    before, after, metrics = program(keys)
    assert {"steps", "finite", "bad_policy"} <= metrics.keys()
    np.testing.assert_array_equal(metrics["finite"], 1)
    np.testing.assert_array_equal(after.iteration, 1)
    weights = np.asarray(after.params.policy.network.policy.weight)
    assert (weights[0] != weights[1]).any()
    for part in ("policy", "rates"):
        old, new = (getattr(x, part).network.policy.bias for x in (before, after.params))
        assert (old != new).any()
