"""Images through patches, tiles through one layer, all else as it is."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dreamrl.networks.observations import TILE, gate_tiles, make_observation_encoder
from dreamrl.spaces import Box, Discrete, Image, MultiDiscrete, Privileged, Tiles

IMAGE = Image(60, 80)
TILES = Tiles(4, (5, 3), (6,))


@pytest.mark.parametrize("space", [MultiDiscrete((3, 4)), Box(-1.0, 1.0, (5,))])
def test_what_is_no_image_is_seen_as_it_is(space):
    seen = make_observation_encoder(jax.random.key(0), space, 16)
    observation = space.sample(jax.random.key(1))
    np.testing.assert_array_equal(seen(observation), space.encode(observation))
    assert seen.features == space.features


@pytest.mark.parametrize("space", [IMAGE, Image(37, 41)], ids=str)
def test_an_image_becomes_a_vector(space):
    seen = make_observation_encoder(jax.random.key(0), space, 16)
    images = jax.vmap(jax.vmap(space.sample))(jax.random.split(jax.random.key(1), (2, 3)))
    found = jax.jit(lambda x: seen(x))(images)
    assert found.shape == (2, 3, 16) == (2, 3, seen.features)
    np.testing.assert_allclose(found[1, 2], seen(images[1, 2]), rtol=1e-4, atol=1e-5)


def test_the_coarse_picture_is_made_of_means():
    image = jnp.zeros((60, 80, 3), jnp.uint8).at[:10, 10:20, 1].set(255)
    coarse = IMAGE.encode(image).reshape(6, 8, 3)
    assert coarse.shape[0] * coarse.shape[1] * 3 == IMAGE.features
    np.testing.assert_array_equal(np.argwhere(coarse), [[0, 1, 1]])
    assert float(coarse[0, 1, 1]) == 1.0


def test_the_light_does_not_matter():
    """A picture, and the same with another contrast and brightness of each colour."""
    picture = jax.random.randint(jax.random.key(1), (60, 80, 3), 80, 150)
    lit = picture * jnp.array([1.3, 0.8, 1.0]) + jnp.array([-20.0, 30.0, 40.0])
    seen = make_observation_encoder(jax.random.key(0), IMAGE, 16)
    first, second = seen(picture.astype(jnp.uint8)), seen(lit.astype(jnp.uint8))
    other = seen(picture[::-1].astype(jnp.uint8))
    assert jnp.abs(first - second).max() < 0.2 * jnp.abs(first - other).max()


def test_where_something_is_can_be_learned():
    """A white square of 5 x 5 pixels: its row and column are read off."""

    def image(key):
        row, column = jax.random.randint(key, (2,), 0, jnp.array([11, 15])) * 5
        place = jax.lax.dynamic_update_slice(
            jnp.zeros((60, 80), jnp.uint8), jnp.full((5, 5), 255, jnp.uint8), (row, column)
        )
        return jnp.repeat(place[..., None], 3, -1), jnp.array([row / 60, column / 80])

    seen = make_observation_encoder(jax.random.key(0), IMAGE, 32)
    readout = jnp.zeros((32, 2))
    adam = optax.adam(3e-3)

    def loss(params, key):
        images, places = jax.vmap(image)(jax.random.split(key, 64))
        return jnp.square(params[0](images) @ params[1] - places).mean()

    @jax.jit
    def learn(params):
        def update(carry, key):
            params, state = carry
            error, grads = jax.value_and_grad(loss)(params, key)
            changes, state = adam.update(grads, state)
            return (optax.apply_updates(params, changes), state), error

        keys = jax.random.split(jax.random.key(1), 150)
        return jax.lax.scan(update, (params, adam.init(params)), keys)[1]

    errors = np.asarray(learn((seen, readout)))
    assert errors[-20:].mean() < 0.01, "as far off as a guess: 0.08"


def test_a_tile_looks_the_same_wherever_it_lies():
    seen = make_observation_encoder(jax.random.key(0), TILES, 16)
    view = jnp.array([4, 2, 0, 0, 1, 1, 3, 0, 5])
    moved = jnp.array([3, 0, 4, 2, 0, 0, 1, 1, 5])
    first, second = seen(view), seen(moved)
    assert first.shape == (seen.features,) == (4 * TILE + 6,)
    np.testing.assert_allclose(
        jnp.roll(first[: 4 * TILE], TILE), second[: 4 * TILE], rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(first[4 * TILE :], jax.nn.one_hot(5, 6))
    # Another thing looks otherwise.
    assert jnp.abs(first[:TILE] - first[TILE : 2 * TILE]).max() > 0.1


def test_attention_is_paid_to_all_tiles_alike():
    seen = make_observation_encoder(jax.random.key(0), TILES, 16)
    views = jax.vmap(TILES.sample)(jax.random.split(jax.random.key(1), 7))
    gate = jax.random.uniform(jax.random.key(2), (7, TILE))
    plain, attended = seen(views), gate_tiles(seen(views), seen.tiles, gate)
    for tile in range(4):
        part = slice(tile * TILE, (tile + 1) * TILE)
        np.testing.assert_allclose(attended[:, part], plain[:, part] * gate, rtol=1e-6)
    np.testing.assert_array_equal(attended[:, 4 * TILE :], plain[:, 4 * TILE :])


@pytest.mark.parametrize("space", [TILES, IMAGE, Discrete(4), MultiDiscrete((3, 4))], ids=str)
def test_what_is_said_stands_behind_what_is_seen(space):
    told = Privileged(space, 3)
    observation, said = space.sample(jax.random.key(1)), jnp.array([0.5, -1.0, 2.0])
    both = told.join(observation, said)
    assert both.shape == told.shape
    assert both.dtype == told.dtype
    np.testing.assert_array_equal(told.split(both)[0], observation)
    informed, plain = (
        make_observation_encoder(jax.random.key(0), each, 16) for each in (told, space)
    )
    assert informed.features == plain.features + 3
    assert informed.tiles == plain.tiles
    found = informed(both)
    np.testing.assert_allclose(found[:-3], plain(observation), rtol=1e-6)
    np.testing.assert_array_equal(found[-3:], said)
    np.testing.assert_array_equal(told.encode(both)[:-3], space.encode(observation))
    assert told.contains(told.sample(jax.random.key(2)))
    assert not told.contains(np.zeros(told.shape[0] + 1, np.float32))
    for odd in (np.nan, np.inf, 0.5, -1.0):
        assert not told.contains(np.full(told.shape, odd, np.float32)), odd
    nothing = Privileged(space, 0)
    np.testing.assert_array_equal(
        nothing.split(nothing.join(observation, jnp.zeros(0)))[0], observation
    )
