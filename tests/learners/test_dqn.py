"""Q-learning's sums against sums done by hand, and a task that needs a memory."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dreamrl.learners import dqn, replay, returns
from dreamrl.networks.actor_critic import ActorCritic, Decision
from dreamrl.networks.distributions import MASKED, Categorical
from dreamrl.spaces import Discrete


def decision(q):
    """One whose dueling Q is this, whatever the mean of the logits."""
    q = jnp.asarray(q, jnp.float32)
    return Decision(Categorical(q - 7.0), q.mean(-1), q[..., :1])


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ([1.0, 2.0, 6.0], [8.0, 9.0, 13.0]),
        # The mean runs over allowed actions, or a masked one's logit would shift the others.
        ([1.0, 2.0, MASKED], [9.5, 10.5, MASKED]),
    ],
)
def test_dueling(logits, expected):
    logits, value = jnp.array(logits), jnp.array(10.0)
    found = dqn.dueling(Decision(Categorical(logits), value, logits))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    of_both = [jnp.stack([x, x + 1]) for x in (logits, value, logits)]
    wide = Decision(Categorical(of_both[0]), *of_both[1:])
    both = jax.jit(jax.vmap(dqn.dueling))(wide)
    np.testing.assert_allclose(both, dqn.dueling(wide))
    np.testing.assert_allclose(both[0], expected, rtol=1e-6)


def test_epsilon_greedy():
    q = jnp.array([1.0, 3.0, MASKED, 2.0])
    keys = jax.random.split(jax.random.key(0), 3000)

    def shares(epsilon):
        actions = jax.vmap(dqn.epsilon_greedy, (0, None, None))(keys, q, epsilon)
        return np.bincount(actions, minlength=4) / len(keys)

    np.testing.assert_array_equal(shares(0.0), [0, 1, 0, 0])
    np.testing.assert_allclose(shares(1.0), [1 / 3, 1 / 3, 0, 1 / 3], atol=0.04)
    np.testing.assert_allclose(shares(0.3), [0.1, 0.8, 0, 0.1], atol=0.04)
    assert shares(1.0)[2] == 0


REWARDS = jnp.array([1.0, 2.0, 4.0, 50.0])
AFTER = jnp.array([10.0, 20.0, 8.0, 70.0])
MASK = jnp.array([1, 1, 1, 0], bool)


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (1, [6.0, 12.0, 8.0, 0.0]),
        # 1 + 2/2 + 20/4; 2 + 4/2 + 8/4; and no more behind the end
        (2, [7.0, 6.0, 8.0, 0.0]),
        # 1 + 2/2 + 4/4 + 8/8
        (3, [4.0, 6.0, 8.0, 0.0]),
        (9, [4.0, 6.0, 8.0, 0.0]),
    ],
)
def test_n_step_returns(n, expected):
    found = returns.n_step_returns(REWARDS, AFTER, MASK, 0.5, n)
    np.testing.assert_allclose(found, expected)
    wide = jax.jit(jax.vmap(lambda r: returns.n_step_returns(r, AFTER, MASK, 0.5, n)))
    np.testing.assert_allclose(wide(jnp.stack([REWARDS] * 2))[1], expected)


@pytest.mark.parametrize(
    ("lambdas", "expected"),
    [
        ([0.0, 0.0, 0.0, 0.0], [6.0, 12.0, 8.0, 0.0]),
        ([1.0, 1.0, 1.0, 1.0], [4.0, 6.0, 8.0, 0.0]),
        # 2 + (20 + 8) / 4, then 1 + (10 + 9) / 4
        ([0.5, 0.5, 0.5, 0.5], [5.75, 9.0, 8.0, 0.0]),
        ([0.0, 0.5, 0.5, 0.5], [6.0, 9.0, 8.0, 0.0]),
    ],
)
def test_lambda_returns(lambdas, expected):
    found = returns.lambda_returns(REWARDS, AFTER, jnp.array(lambdas), MASK, 0.5)
    np.testing.assert_allclose(found, expected)
    wide = jax.jit(jax.vmap(lambda x: returns.lambda_returns(REWARDS, AFTER, x, MASK, 0.5)))
    np.testing.assert_allclose(wide(jnp.array([lambdas] * 2))[1], expected)


Q = [[0.0, 0.0], [3.0, 1.0], [0.0, 2.0]]
Q_TARGET = [[9.0, 9.0], [10.0, 20.0], [4.0, 6.0]]
TARGETS = {
    # `Q` chooses 0, then 1; `Q_TARGET` says 10, then 6; nothing follows the last step.
    "one step": (dqn.DQN(), [1, 1, 1], [6.0, 4.0, 1.0]),
    "two steps": (dqn.DQN(steps=2), [1, 1, 1], [3.0, 1.5, 1.0]),
    "all steps": (dqn.DQN(returns="peng", q_lambda=1.0), [1, 1, 1], [1.75, 1.5, 1.0]),
    # The action at 1 is greedy, that at 2 is not.
    "all greedy steps": (dqn.DQN(returns="watkins", q_lambda=1.0), [1, 1, 1], [3.0, 4.0, 1.0]),
    "an early end": (dqn.DQN(), [1, 1, 0], [6.0, 1.0, 0.0]),
    "an early end, traced": (dqn.DQN(returns="watkins", q_lambda=1.0), [1, 1, 0], [1.5, 1.0, 0.0]),
}


@pytest.mark.parametrize("case", TARGETS)
def test_targets_with(case):
    learner, mask, expected = TARGETS[case]

    def found(q):
        inputs = (jnp.array(Q_TARGET), jnp.zeros(3, jnp.int32), jnp.ones(3), jnp.array(mask, bool))
        return dqn.double_q_targets(q, *inputs, 0.0, 0.5, learner)

    np.testing.assert_allclose(found(jnp.array(Q)), expected)
    wide = jax.jit(jax.vmap(found))(jnp.stack([jnp.array(Q)] * 2))
    np.testing.assert_allclose(wide, [expected] * 2)


BATCH = dqn.Batch(
    jnp.array([[1, 0, 0]]),
    jnp.ones((1, 3)),
    jnp.array([[1, 1, 0]], bool),
    jnp.zeros(1),
    discount=0.5,
)


def test_the_loss_is_a_mean_over_the_steps_taken():
    online, target = decision([Q]), decision([Q_TARGET])
    found = dqn.q_loss(online, target, BATCH, dqn.DQN())
    # Errors are 0 - 6 and 3 - 1.
    assert float(found) == pytest.approx((18 + 2) / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("learner", "off"),
    # The last step's target is 1 higher; with n = 2 and a discount of 1/2, the first one's 1/2.
    [(dqn.DQN(), [0, 1, 0]), (dqn.DQN(steps=2), [0.5, 1, 0])],
)
def test_what_follows_an_episode_is_the_value_of_its_last_step(learner, off):
    def targets(following):
        rest = (jnp.ones(3), jnp.array([1, 1, 0], bool), following, 0.5, learner)
        return dqn.double_q_targets(jnp.array(Q), jnp.array(Q_TARGET), jnp.array([1, 0, 0]), *rest)

    np.testing.assert_allclose(targets(jnp.array(2.0)) - targets(0.0), off, rtol=1e-6)


def test_nothing_flows_into_targets():
    def loss(q, q_target):
        return dqn.q_loss(decision(q), decision(q_target), BATCH, dqn.DQN())

    own, others = jax.grad(loss, argnums=(0, 1))(jnp.array([Q]), jnp.array([Q_TARGET]))
    np.testing.assert_allclose(own, [[[0.0, -3.0], [1.0, 0.0], [0.0, 0.0]]], atol=1e-6)
    np.testing.assert_array_equal(others, jnp.zeros((1, 3, 2)))


LEAVE = 2
DISCOUNT = 0.9


def cued_episodes(key, count):
    """A cue at the first of three steps; the last action pays 1 if it is the cue.

    Whoever leaves at the first step gets 0.5 at once, and what stands behind that is rubbish.
    """
    key_cue, key_action = jax.random.split(key)
    cue = jax.random.randint(key_cue, (count,), 0, 2)
    actions = jax.random.randint(key_action, (count, 3), 0, 3)
    left = actions[:, 0] == LEAVE
    seen = jax.nn.one_hot(jnp.stack([cue, jnp.full_like(cue, 2), jnp.full_like(cue, 2)], 1), 3)
    rewards = jnp.where(left, 0.5, 0.0)[:, None] * jnp.array([1.0, 0.0, 0.0])
    rewards = rewards.at[:, 2].set(actions[:, 2] == cue)
    rewards = jnp.where(left[:, None], jnp.array([0.5, -100.0, 100.0]), rewards)
    mask = jnp.ones((count, 3), bool) & ~(left[:, None] & (jnp.arange(3) > 0))
    return seen, dqn.Batch(actions, rewards, mask, jnp.zeros(count), DISCOUNT)


@pytest.mark.parametrize(
    "learner",
    [
        dqn.DQN(target_every=10),
        dqn.DQN(target_every=10, returns="watkins", q_lambda=0.9),
    ],
    ids=["one step", "watkins"],
)
def test_a_task_that_needs_a_memory_is_learned_from_random_actions(learner):
    keys = jax.random.split(jax.random.key(0), 3)
    ring = replay.empty(jax.tree.map(lambda x: x[0], cued_episodes(keys[0], 1)), 1024)
    ring = replay.add(ring, cued_episodes(keys[0], 1024))
    network = ActorCritic(keys[1], 3, Discrete(3), 16)
    adam = optax.chain(optax.clip_by_global_norm(10.0), optax.adam(1e-2))
    unroll = jax.vmap(lambda network, seen: network.unroll(network.init_carry(), seen), (None, 0))

    def loss(network, target, seen, batch):
        decision, wanted = unroll(network, seen), unroll(target, seen)
        return learner.loss(decision, wanted, batch, None, jnp.array(0.0))[0]

    def update(carry, inputs):
        network, target, state = carry
        key, number = inputs
        seen, batch = replay.sample(ring, key, 64)
        changes, state = adam.update(jax.grad(loss)(network, target, seen, batch), state)
        network = optax.apply_updates(network, changes)
        return (network, learner.follow(target, network, number), state), None

    carry = (network, jax.tree.map(jnp.copy, network), adam.init(network))
    inputs = (jax.random.split(keys[2], 500), jnp.arange(500))
    network, _, _ = jax.jit(lambda carry: jax.lax.scan(update, carry, inputs)[0])(carry)
    seen = jax.nn.one_hot(jnp.array([[0, 2, 2], [1, 2, 2]]), 3)
    q = dqn.dueling(unroll(network, seen))
    stay = DISCOUNT**2
    np.testing.assert_allclose(q[:, 0], [[stay, stay, 0.5]] * 2, atol=0.05)
    np.testing.assert_allclose(q[:, 1], np.full((2, 3), DISCOUNT), atol=0.05)
    np.testing.assert_allclose(q[:, 2], [[1, 0, 0], [0, 1, 0]], atol=0.05)


def chosen(learner, progress, random=None):
    q = jnp.array([1.0, 3.0, MASKED, 2.0])
    keys = jax.random.split(jax.random.key(0), 3000)
    one = Decision(Categorical(q), jnp.array(0.0), q)
    choose = jax.vmap(lambda key: learner.choose(one, key, jnp.array(progress), random).action)
    return np.bincount(choose(keys), minlength=4) / len(keys)


def test_chance_falls_and_never_takes_a_masked_action():
    learner = dqn.DQN(epsilon=1.0, last_epsilon=0.0, epsilon_end=0.5)
    np.testing.assert_allclose(chosen(learner, 0.0), [1 / 3, 1 / 3, 0, 1 / 3], atol=0.04)
    np.testing.assert_allclose(chosen(learner, 0.35), [0.1, 0.8, 0, 0.1], atol=0.04)
    np.testing.assert_array_equal(chosen(learner, 0.5), [0, 1, 0, 0])
    # A trial that is to act at random more often than that does so.
    found = chosen(learner, 0.5, jnp.array(0.3))
    np.testing.assert_allclose(found, [0.1, 0.8, 0, 0.1], atol=0.04)


def test_other_actions_are_drawn_by_their_q():
    learner = dqn.DQN(epsilon=0.0, last_epsilon=0.0, temperature=2.0, last_temperature=0.0)
    likely = np.exp(np.array([1.0, 3.0, 2.0]) / 2)
    found = chosen(learner, 0.0)
    np.testing.assert_allclose(found[[0, 1, 3]], likely / likely.sum(), atol=0.04)
    assert found[2] == 0
    np.testing.assert_array_equal(chosen(learner, 0.7), [0, 1, 0, 0])


@pytest.mark.parametrize(
    ("learner", "updates", "moved"),
    [
        (dqn.DQN(target_every=10), 9, 0.0),
        (dqn.DQN(target_every=10), 10, 1.0),
        (dqn.DQN(target_every=1, target_rate=0.25), 9, 0.25),
        (dqn.DQN(target_every=10, target_rate=0.25), 9, 0.0),
        (dqn.DQN(target_every=10, target_rate=0.25), 20, 0.25),
    ],
)
def test_the_target_follows(learner, updates, moved):
    found = learner.follow({"x": jnp.zeros(2)}, {"x": jnp.ones(2)}, jnp.array(updates))
    np.testing.assert_allclose(found["x"], moved)


def test_an_exploration_leads_to_the_mean_of_the_exploitations_after_it():
    """`Q` chooses at each first step, `Q_TARGET` says what that is worth."""
    q = decision(jnp.array([[Q, Q[1:] + Q[:1]]]))
    q_target = decision(jnp.array([[Q_TARGET, Q_TARGET[1:] + Q_TARGET[:1]]]))
    linked = dqn.DQN().link(BATCH, q, q_target)
    # The first chooses 0 of two alike, worth 9; the second 0, worth 10.
    np.testing.assert_allclose(linked.bootstrap_value, [9.5], rtol=1e-5)
    np.testing.assert_array_equal(linked.rewards, BATCH.rewards)


def test_episodes_in_episodes_are_episodes_side_by_side():
    learner, wide = dqn.DQN(), jnp.array([Q, Q, Q_TARGET])
    batch = jax.tree.map(lambda x: jnp.concatenate([x] * 3), BATCH)
    rest = (None, jnp.array(0.0))
    flat, _ = learner.loss(decision(wide), decision(wide[::-1]), batch, *rest)
    lead = lambda tree: jax.tree.map(lambda x: x.reshape(1, *x.shape), tree)  # noqa: E731
    deep, _ = learner.loss(lead(decision(wide)), lead(decision(wide[::-1])), lead(batch), *rest)
    np.testing.assert_allclose(flat, deep, rtol=1e-6)
