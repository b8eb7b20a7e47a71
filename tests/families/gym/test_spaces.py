"""What environments show, in any space of Gymnasium's, becomes something that agents can see."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium import spaces

from dreamrl.errors import UserError
from dreamrl.families.gym import GymFamily
from dreamrl.families.gym.spaces import observations
from dreamrl.networks.observations import check_pictures, make_observation_encoder
from dreamrl.spaces import Box, Discrete, Image, MultiDiscrete, Product, Scaled, Tiles


class Showing(gymnasium.Env):
    """Shows samples of a space."""

    action_space = spaces.Discrete(2)

    def __init__(self, space):
        self.observation_space = space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), 0.0, False, False, {}


class MissionSpace(spaces.Space):
    """As MiniGrid's, which is told by its name and these attributes."""

    def __init__(self, mission_func, ordered_placeholders=None):
        self.mission_func, self.ordered_placeholders = mission_func, ordered_placeholders
        super().__init__(dtype=str)

    def sample(self, mask=None, probability=None):
        lists = self.ordered_placeholders or []
        return self.mission_func(*(names[self.np_random.integers(len(names))] for names in lists))

    def __eq__(self, other):
        return isinstance(other, MissionSpace)


class Freely(MissionSpace):
    """Says anything, as BabyAI's."""


def grid(mission, edge=7):
    image = spaces.Box(0, 255, (edge, edge, 3), np.uint8)
    return spaces.Dict({"image": image, "direction": spaces.Discrete(4), "mission": mission})


def shown(space, observation):
    """What agents are shown of an observation."""
    seen = observations(space)
    batch = seen.read(observation)[None]
    assert seen.strange(batch) is None
    value = np.asarray(seen(batch)[0])
    assert seen.space.contains(value)
    return seen.space, value


BOX = spaces.Box(np.array([0, -np.inf, -1], np.float32), np.array([10, 0, 1], np.float32))


def test_bounded_numbers_are_scaled_and_others_are_not():
    space, value = shown(BOX, np.array([10, -50, 0], np.float32))
    # As the environment gives it, till it is seen.
    np.testing.assert_array_equal(value, [10, -50, 0])
    np.testing.assert_allclose(space.encode(jnp.asarray(value)), [1, -50, 0])
    np.testing.assert_allclose(space.encode(jnp.array([0.0, 0.0, -1.0])), [-1, 0, -1])


@pytest.mark.parametrize(
    ("space", "low", "high"),
    [
        (spaces.Box(0, 1000, (4,), np.float64), 0, 1000),
        (spaces.Box(0, 255, (128,), np.uint8), 0, 255),
        (spaces.Box(0, 65535, (84, 84), np.uint16), 0, 65535),
        (spaces.Box(-5, 5, (), np.float32), -5, 5),
        (spaces.Box(0, 255, (7, 7, 3), np.uint8), 0, 255),
        (spaces.Box(-1, 1, (2, 3, 4, 5), np.float16), -1, 1),
    ],
    ids=str,
)
def test_whatever_has_bounds_is_seen_from_minus_one_to_one(space, low, high):
    for value, wanted in ((low, -1), (high, 1)):
        found, seen = shown(space, np.full(space.shape, value, space.dtype))
        np.testing.assert_allclose(found.encode(jnp.asarray(seen)), wanted, rtol=1e-5)
        assert make_observation_encoder(jax.random.key(0), found, 8).features == space.low.size


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-np.inf, np.inf, (3,), np.float32),
        spaces.Box(-3.4e38, 3.4e38, (2,), np.float32),
        spaces.Box(-(2**31), 2**31 - 1, (2,), np.int32),
    ],
    ids=str,
)
def test_without_bounds_that_anybody_meant_numbers_are_seen_as_they_are(space):
    value = np.full(space.shape, 5, space.dtype)
    found, seen = shown(space, value)
    assert isinstance(found, Box)
    np.testing.assert_array_equal(found.encode(jnp.asarray(seen)), value)


def test_a_dimension_of_one_value_is_no_division_by_zero():
    found, seen = shown(spaces.Box(3, 3, (2,), np.float32), np.full(2, 3, np.float32))
    np.testing.assert_array_equal(found.encode(jnp.asarray(seen)), 0)


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((84, 84), (84, 84, 1)),
        ((84, 84, 1), (84, 84, 1)),
        ((84, 84, 4), (84, 84, 4)),
        ((3, 84, 96), (84, 96, 3)),
        ((4, 84, 84), (84, 84, 4)),
        ((4, 84, 96, 3), (84, 96, 12)),
        ((4, 3, 84, 96), (84, 96, 12)),
        ((84, 84, 3), (84, 84, 3)),
        ((210, 160, 3), (210, 160, 3)),
        ((19, 40, 3), (20, 40, 3)),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("dtype", "top"), [(np.uint8, 255), (np.float32, 255), (np.float32, 1), (np.int64, 255)]
)
def test_pictures_of_all_kinds_are_seen_through_the_trunk(shape, wanted, dtype, top):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, shape)
    picture = (pixels * (top / 255)).astype(dtype)
    space, value = shown(spaces.Box(0, top, shape, dtype), picture)
    assert space == Image(*wanted, light=True)
    check_pictures(space)
    # Each channel is a picture of before, whole.
    axes = {2: (0, 1), 3: (0, 1, 2) if shape[-1] <= 4 else (1, 2, 0)}
    order = axes.get(len(shape), (1, 2, 0, 3) if shape[-1] <= 4 else (2, 3, 0, 1))
    height, width = (shape[axis] for axis in order[:2])
    expected = pixels.transpose(order).reshape(height, width, -1)
    np.testing.assert_array_equal(value[:height, :width], expected)
    for row in value[height:]:
        np.testing.assert_array_equal(row, value[height - 1])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_how_bright_a_picture_is_can_be_seen_where_it_matters(channels):
    """A picture of one colour has nothing in it but that."""
    dim, bright = (jnp.full((30, 30, channels), n, jnp.uint8) for n in (0, 255))
    even = make_observation_encoder(jax.random.key(0), Image(30, 30, channels), 8)
    np.testing.assert_array_equal(even(dim), even(bright))
    lit = make_observation_encoder(jax.random.key(0), Image(30, 30, channels, light=True), 8)
    assert lit.features == 8 + channels == lit(dim).shape[0]
    np.testing.assert_array_equal(lit(dim)[8:], -1)
    np.testing.assert_allclose(lit(bright)[8:], 1, rtol=1e-6)
    np.testing.assert_array_equal(lit(dim)[:8], even(dim))


def test_the_trunk_of_coloured_pictures_is_what_it_was():
    picture = Image(60, 80).sample(jax.random.key(1))
    seen = make_observation_encoder(jax.random.key(0), Image(60, 80), 16)(picture)
    # By dreamrl before pictures of other channels.
    np.testing.assert_allclose(seen[:3], [0.13600543, 0.64407712, 0.0], rtol=1e-5, atol=1e-6)
    wide = make_observation_encoder(jax.random.key(0), Image(60, 80, 6), 16)
    assert wide(jnp.concatenate([picture, picture], -1)).shape == seen.shape == (16,)


NESTED = spaces.Dict(
    {
        "where": spaces.Tuple((spaces.Discrete(3, start=1), spaces.MultiBinary((2, 2)))),
        "speed": spaces.Box(0, 10, (2,), np.float32),
        "hand": spaces.MultiDiscrete([[2, 3]], start=[[1, 5]]),
    }
)


def test_nested_spaces_become_one_vector_in_parts_of_their_own():
    observation = {
        "where": (2, np.array([[0, 1], [1, 0]], np.int8)),
        "speed": np.array([10, 5], np.float32),
        "hand": np.array([[2, 5]]),
    }
    space, value = shown(NESTED, observation)
    # Gymnasium brings a Dict's keys into their order.
    assert space.parts == (
        MultiDiscrete((2, 3)),
        Scaled((5.0,), (5.0,), (2,)),
        Discrete(3),
        MultiDiscrete((2,) * 4),
    )
    np.testing.assert_array_equal(value, [1, 0, 10, 5, 1, 0, 1, 1, 0])
    wanted = [0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0]
    np.testing.assert_allclose(space.encode(jnp.asarray(value)), wanted)
    seen = make_observation_encoder(jax.random.key(0), space, 8)
    np.testing.assert_allclose(seen(jnp.asarray(value)), wanted)


def test_a_nested_picture_has_its_trunk():
    space = spaces.Dict({"eye": spaces.Box(0, 255, (30, 40), np.uint8), "on": spaces.Discrete(2)})
    found, value = shown(space, {"eye": np.full((30, 40), 9, np.uint8), "on": 1})
    assert found == Product((Image(30, 40, 1, light=True), Discrete(2)))
    seen = make_observation_encoder(jax.random.key(0), found, 8)(jnp.asarray(value))
    assert seen.shape == (8 + 1 + 2,)
    np.testing.assert_allclose(seen[8:], [2 * 9 / 255 - 1, 0, 1], rtol=1e-5)
    with pytest.raises(UserError, match="too few"):
        check_pictures(Product((Image(5, 5), Discrete(2))))


def test_whole_numbers_alone_stay_whole_numbers():
    space = spaces.Tuple((spaces.Discrete(32), spaces.Discrete(11), spaces.Discrete(2)))
    found, value = shown(space, (31, 0, 1))
    assert found == MultiDiscrete((32, 11, 2))
    np.testing.assert_array_equal(value, [31, 0, 1])


COLOURS = MissionSpace(lambda colour: f"open the {colour} door", [["red", "green", "blue"]])


@pytest.mark.parametrize(
    ("mission", "beside"),
    [
        (COLOURS, (4, 3)),
        (MissionSpace(lambda: "reach the goal"), (4,)),
        (MissionSpace(lambda a, b: a + b, [list("abcdefghi"), list("rstuvwxyz")]), (4,)),
        (Freely(lambda colour: colour, [["red", "green"]]), (4,)),
    ],
)
def test_minigrid_is_seen_as_tiles(mission, beside):
    space = grid(mission)
    image = np.zeros((7, 7, 3), np.uint8)
    image[0, 1] = (10, 5, 3)
    observation = {"image": image, "direction": 2, "mission": mission.sample()}
    found, value = shown(space, observation)
    assert found == Tiles(49, (11, 6, 4), beside)
    np.testing.assert_array_equal(value[:147], image.ravel())
    assert value[147] == 2
    if len(beside) > 1:
        words = [f"open the {c} door" for c in ("red", "green", "blue")]
        assert value[148] == words.index(observation["mission"])


def test_missions_and_codes_that_there_are_not_are_told():
    seen = observations(grid(COLOURS))
    image = np.zeros((7, 7, 3), np.uint8)
    with pytest.raises(ValueError, match=r"the observation\['mission'\] is 'sit', none of"):
        seen.read({"image": image, "direction": 0, "mission": "sit"})
    image[3, 4, 1] = 6
    batch = seen.read({"image": image, "direction": 0, "mission": "open the red door"})[None]
    assert seen.strange(batch)[1].startswith(
        "the observation['image'] is 6 at [3, 4, 1], and must be from 0 to 5"
    )


def test_the_view_alone_is_seen_as_tiles_too():
    class Whole(Showing):
        def __init__(self):
            super().__init__(grid(COLOURS))

    class View(gymnasium.ObservationWrapper):
        def __init__(self, env, edge):
            super().__init__(env)
            self.observation_space = spaces.Box(0, 255, (edge, edge, 3), np.uint8)

        def observation(self, observation):
            return np.zeros(self.observation_space.shape, np.uint8)

    for edge in (7, 22):
        family = GymFamily("view", lambda i, edge=edge: View(Whole(), edge), (0,), (1,), 3)
        assert family.observation_space == Tiles(edge**2, (11, 6, 4))


WORDS = spaces.Sequence(spaces.Discrete(3))
NODES = spaces.Graph(spaces.Discrete(3), None)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Text(5),
        spaces.OneOf((spaces.Discrete(3), spaces.Box(0, 1, (2,)))),
        WORDS,
        NODES,
        spaces.Dict({"a": WORDS, "b": spaces.Discrete(2)}),
        spaces.Dict({"a": spaces.Text(5), "b": spaces.Discrete(2)}),
        spaces.Tuple((spaces.Discrete(2), NODES)),
        spaces.Dict({"a": spaces.OneOf((spaces.Discrete(3), WORDS))}),
        spaces.Dict({}),
        spaces.Discrete(2**40),
    ],
    ids=str,
)
def test_the_advice_for_other_spaces_works(space):
    with pytest.raises(UserError) as caught:
        GymFamily("odd", lambda i: Showing(space), (0,), (1,), 3)
    told = str(caught.value)
    assert told.startswith("family 'odd': observation_space ")
    assert "\n" not in told

    def number(observation):
        return np.array([len(str(observation))], np.float32)

    def make(problem_id):
        env = Showing(space)
        if "FlattenObservation(env)" in told:
            return gymnasium.wrappers.FlattenObservation(env)
        assert "TransformObservation(env, function, space)" in told
        wide = spaces.Box(0, 1000, (1,), np.float32)
        return gymnasium.wrappers.TransformObservation(env, number, wide)

    assert GymFamily("odd", make, (0,), (1,), 3).observation_space.features > 0


def test_a_loop_of_ones_own_is_told_how_to_show():
    family = GymFamily("nested", lambda i: Showing(NESTED), (0,), (1,), 3)
    observation = NESTED.sample()
    assert family.observation_space.contains(family.observation(observation))
    with pytest.raises(UserError, match=r"family 'nested': the observation\['hand'\] is missing"):
        family.observation({"where": 1})
    with pytest.raises(
        UserError, match=r"the observation\['where'\]\[0\] is 4, and must be from 1"
    ):
        family.observation({**observation, "where": (4, np.zeros((2, 2), np.int8))})


@pytest.mark.parametrize("space", [NESTED, spaces.Box(0, 255, (3, 20, 20), np.float32)], ids=str)
def test_episodes_of_all_kinds_are_played(space):
    family = GymFamily("kinds", lambda i: Showing(space), (0,), (1,), 3)
    for _ in range(2):
        number, row, steps, seen = family._episodes.reset(np.array([0, 1]), np.array([5, 6]))
        after = family._episodes.step(number, row, steps, np.array([0, 1]))
        for value in (*seen, *after[3]):
            assert family.observation_space.contains(value)
