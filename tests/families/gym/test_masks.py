"""Actions that an environment says are not possible now, and those of several parts."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.agents.registry import make_trainer, settings_for
from dreamrl.configuration import changed
from dreamrl.deploy import prepare
from dreamrl.errors import FamilyError, UserError
from dreamrl.families.adapted import adapted
from dreamrl.families.family import action_names, has_mask
from dreamrl.families.gym import GymFamily
from dreamrl.spaces import Discrete
from dreamrl.testing import check_family
from dreamrl.trial import Choice, any_action, rollout

PART = gymnasium.spaces.Discrete(3, start=5)
PARTS = gymnasium.spaces.MultiDiscrete((2, 3), start=(0, 4))


class Choosy(gymnasium.Env):
    """What was done last cannot be done again, and whoever tries is told so by an exception."""

    observation_space = gymnasium.spaces.Discrete(2)

    def __init__(self, actions=PART, start=True, kind=np.int8, **changes):
        self.action_space, self.start, self.kind = actions, start, kind
        self.changes = changes
        self.n = int(np.prod(getattr(actions, "nvec", getattr(actions, "n", 1))))

    def mask(self):
        flags = np.ones(self.n, self.kind)
        if self.last is not None:
            flags[self.last] = 0
        return flags

    def told(self):
        return {} if self.steps in self.changes.get("without", ()) else {"action_mask": self.mask()}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.last, self.steps = (0 if self.start else None), 0
        return 0, self.told()

    def step(self, action):
        action = np.asarray(action) - self.action_space.start
        if action.shape:
            action = np.ravel_multi_index(action, self.action_space.nvec)
        assert action != self.last, "not possible"
        self.last, self.steps = int(action), self.steps + 1
        done = self.steps >= self.changes.get("ends", 4)
        info = {} if done else self.told()
        return self.steps % 2, float(action), done, False, self.changes.get("info", info)


def family_of(*asked, **changes):
    return GymFamily("choosy", lambda i: Choosy(*asked, **changes), (0, 1), (0, 1), horizon=6)


def untrained(name, family, **changes):
    trainer = make_trainer(name, family, changed(settings_for(name), {"hidden": 8, **changes}))
    return prepare(trainer.family, trainer, trainer.init(jax.random.key(0)))


def at_random(family, number=32):
    def play(key):
        def act(carry, percept, key):
            return carry, Choice(any_action(family.action_space, percept, key))

        return rollout(family, family.problem(jnp.array(0)), None, act, (), key).trajectory

    keys = jax.random.split(jax.random.key(0), number)
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(play))(keys))


def test_what_the_first_reset_carries_is_the_action_mask_of_all_agents():
    family = family_of()
    check_family(family)
    assert has_mask(family, exploring=True)
    assert has_mask(family, exploring=False)
    episodes = at_random(family)
    # No exception, and what is recorded is what the environment said.
    assert (episodes.length == 4).all()
    first = episodes.allowed[:, 0]
    np.testing.assert_array_equal(first, np.tile([False, True, True], (32, 1)))
    after = np.eye(3, dtype=bool)[episodes.actions[:, 0]]
    np.testing.assert_array_equal(episodes.allowed[:, 1], ~after)
    assert episodes.allowed[:, 4:].all(), "behind the end it says nothing"


def test_agents_act_by_it():
    agent = untrained("rl2", family_of())
    assert dreamrl.evaluate(agent, trials=8).returns.shape == (8, 1)
    explorer, env = agent.explorer(), Choosy()
    seen, info = env.reset()
    explorer.observe(agent.family.observation(seen), allowed=info["action_mask"])
    while not explorer.done:
        seen, *rest, info = env.step(agent.family.action(explorer.act()))
        over = rest[1] or rest[2]
        allowed = None if over else agent.family.allowed(info)
        explorer.observe(agent.family.observation(seen), *rest, allowed=allowed)
    assert env.steps == 4


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (
            {"without": (2,)},
            "problem 0, step 2: info has no 'action_mask', as the first reset",
        ),
        (
            {"info": {"action_mask": [1, 1]}},
            r"step 1: info\['action_mask'\] must be 3 flags",
        ),
        ({"info": {"action_mask": [0, 0, 2]}}, "must be 3 flags, 0 or 1"),
        ({"info": {"action_mask": [0, 0, 0]}}, "step 1: .* leaves no action, and the episode"),
    ],
)
def test_what_is_no_mask_is_told(changes, fault):
    with pytest.raises(FamilyError, match=fault):
        family_of(**changes)


def test_several_parts_are_one_number_of_their_combination():
    family = family_of(PARTS, False)
    check_family(family)
    assert adapted(family).action_space == Discrete(6)
    assert action_names(family)[4:] == ("1 1", "1 2")
    assert [family.action(i).tolist() for i in (0, 5)] == [[0, 4], [1, 6]]
    episodes = at_random(family)
    # What is paid is the number: they are counted as NumPy counts them.
    np.testing.assert_array_equal(episodes.rewards[:, :4], episodes.actions[:, :4])
    assert len(np.unique(episodes.actions[:, 0])) == 6
    # As Gymnasium has it: flags for each part.
    told = family.allowed({"action_mask": (np.array([1, 0]), np.array([0, 1, 1]))})
    assert told.tolist() == [False, True, True, False, False, False]
    with pytest.raises(UserError, match="must be 2 and 3 flags"):
        family.allowed({"action_mask": (np.array([1, 0]), np.array([1]))})
    many = GymFamily("parts", lambda i: Many(), (0,), (0,), horizon=1)
    assert not has_mask(many, exploring=True)
    assert many.action(7).tolist() == [[0, 1], [1, 1]]


class Many(Choosy):
    """Parts in rows and columns, without a mask."""

    def __init__(self):
        super().__init__(gymnasium.spaces.MultiDiscrete([[2, 2], [2, 2]]))

    def reset(self, *, seed=None, options=None):
        return 0, {}

    def step(self, action):
        assert self.action_space.contains(action)
        return 0, 0.0, True, False, {}
