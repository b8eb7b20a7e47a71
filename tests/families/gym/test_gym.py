"""Gymnasium environments as a family: the same answers as in a program, whatever calls them."""

import dataclasses
import threading

import equinox as eqx
import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.agents.settings import Budget
from dreamrl.errors import UserError, raised_on_host
from dreamrl.families.family import HasDescriptions
from dreamrl.families.gym import GymFamily
from dreamrl.families.gym.episodes import KEPT, OPEN
from dreamrl.families.privileged import WithTaskInfo
from dreamrl.spaces import Discrete
from dreamrl.testing import check_family
from dreamrl.training import Plan, seed_keys, train
from dreamrl.trial import Choice, rollout
from dreamrl.types import Belief


def random_actions(family, stop_at=None):
    """Plays at random, from the key alone; stops at step `stop_at(problem_id)`."""

    def play(problem_id, key, goal=None):
        stop = family.horizon if stop_at is None else stop_at(problem_id)

        def act(memory, percept, key):
            low, high = 0, getattr(family.action_space, "n", 0)
            if not high:
                return memory + 1, Choice(family.action_space.sample(key))
            return memory + 1, Choice(jax.random.randint(key, (), low, high), memory >= stop)

        problem = family.problem(problem_id)
        return rollout(family, problem, goal, act, jnp.array(0), key)[0]

    return play


def played(play, *inputs, axes=1):
    for _ in range(axes):
        play = jax.vmap(play)
    return jax.tree.map(np.asarray, jax.jit(play)(*inputs))


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.fixture
def lines(line):
    return GymFamily("lines", line, (0, 1), (2, 3), horizon=8)


def test_it_keeps_the_rules_of_a_family(lines):
    check_family(lines)
    assert lines.action_space == Discrete(2)
    assert lines.observation_space.shape == (2,)


@pytest.mark.parametrize("shape", [(24,), (3, 24)])
def test_it_does_what_the_same_family_does_in_the_program(treasure, shape):
    inside = dreamrl.make("treasure")
    outside = GymFamily("treasure", treasure, inside.train_ids, inside.test_ids, inside.horizon)
    ids = jnp.arange(int(np.prod(shape))).reshape(shape) % 21
    keys = jax.random.split(jax.random.key(0), shape)
    both = [
        played(random_actions(f, lambda i: i), ids, keys, axes=len(shape))
        for f in (inside, outside)
    ]
    assert_same(*both)


def test_ends_are_kept_apart_and_the_final_observation_is_there(lines):
    ids, keys = jnp.arange(64) % 2, jax.random.split(jax.random.key(1), 64)
    episodes = played(random_actions(lines), ids, keys)
    last = episodes.length - 1
    ended = episodes.terminated[np.arange(64), last]
    assert ended.any()
    assert not ended.all()
    assert (episodes.truncated[np.arange(64), last] == ~ended).all()
    final = episodes.observations[np.arange(64), last + 1]
    assert (abs(final[ended, 0]) >= 2).all()
    assert (final[:, 1] == episodes.length).all()
    # Behind an end everything stands still.
    np.testing.assert_array_equal(episodes.observations[:, -1], final)
    won = np.where(ids % 2, final[:, 0] == 2, final[:, 0] == -2)
    np.testing.assert_array_equal(episodes.rewards.sum(1), won)


def test_nobody_steps_behind_an_end(line):
    made = []

    def make(problem_id):
        made.append(line(problem_id))
        return made[-1]

    family = GymFamily("lines", make, (0, 1), (0, 1), horizon=8, check=False)
    ids, keys = jnp.arange(16) % 2, jax.random.split(jax.random.key(1), 16)
    episodes = played(random_actions(family), ids, keys)
    assert sum(env.steps_ever for env in made) == episodes.mask.sum()
    assert len(made) == 16
    played(random_actions(family), ids, keys)
    assert len(made) == 16, "those that were made before are used again"


def test_environments_live_in_one_thread(line):
    """As those need that draw with OpenGL."""
    seen = set()

    class Watching(line):
        def __init__(self, problem_id):
            seen.add(threading.get_ident())
            super().__init__(problem_id)

        def step(self, action):
            seen.add(threading.get_ident())
            return super().step(action)

    family = GymFamily("lines", Watching, (0, 1), (0, 1), horizon=8)
    played(random_actions(family), jnp.zeros(8, int), jax.random.split(jax.random.key(0), 8))
    assert len(seen) == 1
    assert threading.get_ident() not in seen


def test_the_environments_own_truncation_counts(line):
    def make(problem_id):
        return gymnasium.wrappers.TimeLimit(line(problem_id), 3)

    family = GymFamily("lines", make, (0, 1), (2, 3), horizon=8)
    episodes = played(
        random_actions(family), jnp.zeros(32, int), jax.random.split(jax.random.key(1), 32)
    )
    assert episodes.length.max() == 3
    assert episodes.truncated.any()
    assert not (episodes.truncated & episodes.terminated).any()


def test_the_same_key_gives_the_same_episode(lines):
    play = random_actions(lines)
    ids, keys = jnp.arange(16) % 4, jax.random.split(jax.random.key(3), 16)
    first, again = played(play, ids, keys), played(play, ids, keys)
    assert_same(first, again)
    other = played(play, ids, jax.random.split(jax.random.key(4), 16))
    assert (first.observations[:, 0] != other.observations[:, 0]).any()


def test_one_start_can_be_gone_on_with_in_many_ways(lines):
    """As when seeds are evaluated side by side on the same trials."""

    def split(key, choices):
        problem = lines.problem(jnp.array(1))
        start, seen = lines.reset(key, problem)

        def go(actions):
            def step(state, action):
                state, outcome = lines.step(key, problem, None, state, action)
                return state, outcome.observation

            return jax.lax.scan(step, start, actions)[1]

        return seen, jax.vmap(go)(choices)

    choices = jnp.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    keys = jax.random.split(jax.random.key(0), 5)
    first, seen = jax.jit(jax.vmap(split, (0, None)))(keys, choices)
    places = np.asarray(first)[:, None, None, 0] + np.cumsum(2 * choices - 1, 1)
    over = np.abs(places[..., 0]) >= 2
    np.testing.assert_array_equal(seen[..., 0, 0], places[..., 0])
    np.testing.assert_array_equal(seen[..., 1, 0], np.where(over, places[..., 0], places[..., 1]))


def test_an_old_state_can_be_gone_on_with(lines):
    key, problem = jax.random.key(0), lines.problem(jnp.array(1))
    start, _ = lines.reset(key, problem)

    def walk(state, actions):
        seen = []
        for action in actions:
            state, outcome = lines.step(key, problem, None, state, jnp.array(action))
            seen.append(outcome.observation.tolist())
        return state, seen

    middle, first = walk(start, [1, 0])
    _, rest = walk(middle, [1, 0, 1])
    # The first two steps are not those that this state went on with, and yet the same.
    assert walk(start, [1, 0, 1, 0, 1])[1] == first + rest
    for number in range(2 * OPEN):
        lines.reset(jax.random.key(number), problem)
        _, again = walk(middle, [1, 0, 1]) if number == OPEN else (None, rest)
        assert again == rest
    for number in range(100):
        lines.reset(jax.random.key(number), problem)
    with pytest.raises((ValueError, RuntimeError)) as caught:
        walk(middle, [1])
    assert "can be gone on with no more" in str(raised_on_host(caught.value))


def test_continuous_actions_are_stretched_to_the_bounds():
    class Thrust(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
        action_space = gymnasium.spaces.Box(
            np.array([-2, 0], np.float32), np.array([2, 10], np.float32)
        )

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return np.zeros(2, np.float32), {}

        def step(self, action):
            assert action in self.action_space
            return action, 0.0, False, False, {}

    family = GymFamily("thrust", lambda i: Thrust(), range(3), range(3, 5), horizon=4)
    check_rules = family.action_space
    assert (check_rules.low, check_rules.high, check_rules.shape) == (-1, 1, (2,))
    state, _ = family.reset(jax.random.key(0), family.problem(jnp.array(0)))
    for action, wanted in (([-1, -1], [-2, 0]), ([1, 1], [2, 10]), ([0, 0.5], [0, 7.5])):
        state, outcome = family.step(
            jax.random.key(0),
            family.problem(jnp.array(0)),
            None,
            state,
            jnp.array(action, jnp.float32),
        )
        np.testing.assert_allclose(outcome.observation, wanted)
    episodes = played(random_actions(family), jnp.arange(4), jax.random.split(jax.random.key(0), 4))
    assert (episodes.length == 4).all()


def test_goals_are_told_to_the_environment(line):
    class Goals(line):
        told = None

        def set_goal(self, goal):
            self.told = goal

        def step(self, action):
            seen, _, *rest = super().step(action)
            return seen, -1.0 if self.told is None else float(self.told), *rest

    family = GymFamily(
        "goals", Goals, (1, 2), (3,), 4, goals=lambda i: [i, i + 1], goal_space=Discrete(5)
    )
    ids, keys = jnp.array([1, 2, 3, 1]), jax.random.split(jax.random.key(0), 4)
    goals = jax.vmap(lambda i, key: family.sample_goal(key, family.problem(jnp.array(i))))(
        ids, keys
    )
    assert set((goals - ids).tolist()) <= {0, 1}
    play = random_actions(family)
    for _ in range(2):
        assert (played(play, ids, keys).rewards[:, 0] == -1).all()
        told = played(lambda i, key, goal: play(i, key, goal), ids, keys, goals)
        np.testing.assert_array_equal(told.rewards[:, 0], goals)
    with pytest.raises(UserError, match=r"its environment needs a method set_goal\(goal\)"):
        GymFamily("goals", line, (1,), (3,), 4, goals=lambda i: [i], goal_space=Discrete(5))


def test_problems_may_be_told_by_features(line):
    family = GymFamily(
        "lines", line, range(50_000), range(50_000, 100_000), 8, lambda i: [i % 2, i / 1e5]
    )
    assert family.train_ids == range(50_000)
    found = jax.jit(jax.vmap(family.describe))(jnp.array([3, 50_000]))
    np.testing.assert_allclose(found, [[1, 3e-5], [0, 0.5]])
    assert isinstance(family, HasDescriptions)
    assert WithTaskInfo(family).observation_space.shape == (4,)
    assert not hasattr(GymFamily("lines", line, (0,), (1,), 8), "describe")


def test_big_batches_and_two_rollouts_in_one_program(lines):
    play = random_actions(lines)

    def twice(problem_id, key):
        return play(problem_id, key), play(problem_id, jax.random.fold_in(key, 1))

    ids, keys = jnp.arange(5 * 512).reshape(5, 512) % 4, jax.random.split(jax.random.key(0), 5)
    keys = jax.vmap(lambda key: jax.random.split(key, 512))(keys)
    first, second = played(twice, ids, keys, axes=2)
    assert_same(first, played(play, ids, keys, axes=2))
    assert first.length.shape == second.length.shape == (5, 512)


def test_some_stop_at_once_where_others_go_on_for_long(line):
    """As when seeds are evaluated side by side, and some do not explore at all yet."""
    made = []

    class Endless(line):
        def __init__(self, problem_id):
            super().__init__(problem_id)
            made.append(self)

        def step(self, action):
            return *super().step(action)[:2], False, False, {}

    family = GymFamily("endless", Endless, (0,), (1,), horizon=2 * KEPT, check=False)

    def play(problem_id, key, stop):
        def act(memory, percept, key):
            return memory + 1, Choice(jnp.array(1), memory >= stop)

        problem = family.problem(problem_id)
        return rollout(family, problem, None, act, jnp.array(0), key)[0]

    def both(ids, keys, stop):
        ways = jax.vmap(jax.vmap(play, (0, 0, None)), (None, None, 0))
        return ways(ids, keys, stop), ways(1 - ids, keys, stop)

    keys, program = jax.random.split(jax.random.key(0), 4), jax.jit(both)
    for stops in ([0, family.horizon, 3], [0, 0, 0]):
        stops = jnp.array(stops)
        for episodes in program(jnp.array([0, 1, 0, 1]), keys, stops):
            np.testing.assert_array_equal(episodes.length, np.repeat(stops, 4).reshape(3, 4))
            walked = episodes.observations[..., 1].max(-1)
            np.testing.assert_array_equal(walked, episodes.length)
    # Nothing is played again and again.
    assert sum(environment.steps_ever for environment in made) < 2 * 2 * 12 * family.horizon


class Wanderer(eqx.Module):
    """Acts at random, however long it is trained."""

    horizon: int = eqx.field(static=True)

    def init_exploration(self):
        return ()

    def explore(self, carry, percept, key):
        return (), Choice(jax.random.randint(key, (), 0, 2))

    def beliefs(self, exploration):
        return Belief(jnp.zeros((self.horizon + 1, 1)))

    def init_exploitation(self, belief, episode, key):
        return ()

    def exploit(self, carry, percept, goal, key):
        return (), Choice(jax.random.randint(key, (), 0, 2))


@dataclasses.dataclass(frozen=True)
class Settings:
    budget: Budget = Budget(iterations=6, trials=4)


@dataclasses.dataclass(frozen=True)
class Wander:
    """Adds up all that it sees."""

    family: GymFamily
    settings: Settings

    def init(self, key):
        return {"key": jax.random.key_data(key), "seen": jnp.zeros(2)}

    def iterate(self, state):
        key, key_play = jax.random.split(jax.random.wrap_key_data(state["key"]))
        keys = jax.random.split(key_play, self.settings.budget.trials)
        episodes = jax.vmap(random_actions(self.family))(jnp.arange(len(keys)) % 2, keys)
        seen = state["seen"] + episodes.observations.sum((0, 1))
        state = {"key": jax.random.key_data(key), "seen": seen}
        return state, {"steps": episodes.mask.sum() * 1.0, "finite": jnp.array(1.0)}

    def agent(self, state):
        return Wanderer(self.family.horizon)

    def encode(self, state, problem_id):
        return None


def test_training_of_several_seeds_goes_on_bit_for_bit(lines):
    algorithm = Wander(lines, Settings())
    whole = train(algorithm, (0, 1), Plan(2, 3, 4))
    iterate = jax.jit(jax.vmap(algorithm.iterate))
    state = jax.vmap(algorithm.init)(seed_keys((0, 1)))
    for _ in range(2):
        state, _ = iterate(state)
    # Whatever else happens on the host, nothing but the state counts.
    played(random_actions(lines), jnp.arange(3), jax.random.split(jax.random.key(9), 3))
    for _ in range(4):
        state, _ = iterate(state)
    assert_same(whole.state, state)
    returns = [[r[name] for name in r if "return" in r] for r in whole.records]
    assert np.isfinite(returns).all()
