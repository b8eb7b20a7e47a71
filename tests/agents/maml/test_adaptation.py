"""The inner step and its derivatives, against what they are by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.maml.networks import InitialPolicy
from dreamrl.agents.maml.settings import MamlSettings
from dreamrl.configuration import changed
from dreamrl.families.bandit import Bandit
from dreamrl.types import Trajectory

PROBABILITIES = np.array([0.5, 0.3, 0.2])
WORTH = np.array([1.0, -2.0, 0.5])
RATE = 0.7


def biases(initial):
    return initial.policy.network.policy.bias


def one_pull(**settings):
    """An initial policy that pulls arms as PROBABILITIES say and adapts its biases alone."""
    fixed = {"hidden": 4, "inner.discount": 1.0, "learner.exploration.gae_lambda": 1.0}
    made = changed(MamlSettings(), fixed | settings)
    initial = InitialPolicy(jax.random.key(0), Bandit(arms=3, horizon=1), made)
    flat = jax.tree.map(jnp.zeros_like, initial)
    flat = eqx.tree_at(biases, flat, jnp.log(PROBABILITIES))
    return eqx.tree_at(lambda x: x.rates.network.policy.bias, flat, jnp.full(3, RATE))


def pull(arm):
    return Trajectory(
        jnp.zeros(2, jnp.int32),
        jnp.array([arm]),
        jnp.array([WORTH[arm]], jnp.float32),
        *(jnp.array([x]) for x in (False, True, True)),
    )


def adapted_biases(initial, arm):
    explored = initial.read(pull(arm))
    return lambda bias: eqx.tree_at(biases, initial, bias).adapt(explored).network.policy.bias


def jacobian(arm, **settings):
    """Of the biases after the inner step, by those before it."""
    initial = one_pull(**settings)
    return np.asarray(jax.jacobian(adapted_biases(initial, arm))(biases(initial)))


@pytest.mark.parametrize("objective", ["maml", "e-maml"])
@pytest.mark.parametrize("arm", range(3))
def test_the_step_is_a_policy_gradient(objective, arm):
    """Theta + rate A (e_a - pi): the critic says 0, so A is the reward."""
    initial = one_pull(objective=objective)
    found = adapted_biases(initial, arm)(biases(initial))
    expected = np.log(PROBABILITIES) + RATE * WORTH[arm] * (np.eye(3)[arm] - PROBABILITIES)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("arm", range(3))
def test_second_order_derivatives(arm):
    """Of log pi: -(diag pi - pi pi^T). That sampling counts adds (e_a - pi)(e_a - pi)^T."""
    score = np.eye(3)[arm] - PROBABILITIES
    curvature = np.outer(PROBABILITIES, PROBABILITIES) - np.diag(PROBABILITIES)
    expected = np.eye(3) + RATE * WORTH[arm] * curvature
    np.testing.assert_allclose(jacobian(arm, objective="e-maml"), expected, atol=1e-5)
    expected = expected + RATE * WORTH[arm] * np.outer(score, score)
    np.testing.assert_allclose(jacobian(arm, objective="maml"), expected, atol=1e-5)


def test_on_average_the_derivative_is_that_of_the_expected_step():
    """In MAML; E-MAML's lacks what sampling adds, and credits that apart."""

    def expected_step(bias):
        return bias + RATE * jax.grad(lambda b: (jax.nn.softmax(b) * WORTH).sum())(bias)

    expected = jax.jacobian(expected_step)(jnp.log(PROBABILITIES))
    averages = {
        objective: sum(
            p * jacobian(arm, objective=objective) for arm, p in enumerate(PROBABILITIES)
        )
        for objective in ("maml", "e-maml")
    }
    np.testing.assert_allclose(averages["maml"], expected, atol=1e-5)
    assert np.abs(averages["e-maml"] - expected).max() > 0.05


@pytest.mark.parametrize("objective", ["maml", "e-maml"])
def test_first_order_takes_the_step_for_a_constant(objective):
    np.testing.assert_array_equal(jacobian(0, objective=objective, order="first"), np.eye(3))


def test_several_steps_are_one_after_the_other():
    initial = one_pull(objective="e-maml", **{"inner.steps": 2})
    once = adapted_biases(one_pull(objective="e-maml"), 0)(biases(initial))
    found = adapted_biases(initial, 0)(biases(initial))
    expected = np.asarray(once) + RATE * WORTH[0] * (np.eye(3)[0] - jax.nn.softmax(once))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_rates_are_learned_or_not():
    for rates, learned in (("learned", True), ("fixed", False)):
        initial = one_pull(**{"inner.rates": rates})
        explored = initial.read(pull(0))
        grads = jax.grad(lambda x, e: x.adapt(e).network.policy.bias[0])(initial, explored)
        found = grads.rates.network.policy.bias
        expected = WORTH[0] * (np.eye(3)[0] - PROBABILITIES) * np.eye(3)[0] * learned
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_an_exploration_of_no_steps_changes_nothing():
    initial = one_pull()
    nothing = pull(0)._replace(mask=jnp.array([False]))
    jax.tree.map(
        np.testing.assert_array_equal, initial.adapt(initial.read(nothing)), initial.policy
    )
