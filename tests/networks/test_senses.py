"""Images through patches, all else as it is."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dreamrl.networks.senses import look
from dreamrl.spaces import Box, Image, MultiDiscrete

IMAGE = Image(60, 80)


@pytest.mark.parametrize("space", [MultiDiscrete((3, 4)), Box(-1.0, 1.0, (5,))])
def test_what_is_no_image_is_seen_as_it_is(space):
    seen = look(jax.random.key(0), space, 16)
    observation = space.sample(jax.random.key(1))
    np.testing.assert_array_equal(seen(observation), space.encode(observation))
    assert seen.features == space.features


@pytest.mark.parametrize("space", [IMAGE, Image(37, 41)], ids=str)
def test_an_image_becomes_a_vector(space):
    seen = look(jax.random.key(0), space, 16)
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
    seen = look(jax.random.key(0), IMAGE, 16)
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

    seen = look(jax.random.key(0), IMAGE, 32)
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
