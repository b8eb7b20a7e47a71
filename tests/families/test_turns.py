"""Episodes that take turns come to the same, and never are more than so many at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.families.turns import at_once, in_turns


def widths(most, seen):
    """A function of a parameter that it knows, and of what it is given; how wide it is run."""

    def play(known, key, x):
        noted = jax.pure_callback(
            note, jax.ShapeDtypeStruct((), jnp.int32), x, vmap_method="broadcast_all"
        )
        return {
            "sum": known["a"] * x + noted,
            "drawn": jax.random.normal(key, (3,)),
            "known": known["a"],
        }

    def note(x):
        seen.append(np.size(x))
        return np.zeros(np.shape(x), np.int32)

    return lambda known, key, x: in_turns(lambda key, x: play(known, key, x), most)(key, x)


@pytest.mark.parametrize("most", [1, 2, 3, 5, 7, 100])
@pytest.mark.parametrize("shape", [(7,), (12,), (3, 4), (2, 5, 3)], ids=str)
def test_turns_change_nothing(most, shape):
    seen = []
    keys = jax.random.split(jax.random.key(0), shape)
    x = jnp.arange(np.prod(shape)).reshape(shape) * 1.0
    # Of the outermost axis each knows another parameter, as seeds do.
    known = {"a": jnp.arange(shape[0]) + 1.0}
    plain, turns = widths(None, []), widths(most, seen)
    for _ in shape[1:]:
        plain, turns = (jax.vmap(f, (None, 0, 0)) for f in (plain, turns))
    wanted, found = (jax.jit(jax.vmap(f))(known, keys, x) for f in (plain, turns))
    jax.tree.map(np.testing.assert_array_equal, wanted, found)
    assert sum(seen) >= np.prod(shape)
    assert max(seen) <= most


def test_most_families_take_no_turns():
    assert at_once(object()) is None

    def play(x):
        return x

    assert in_turns(play, None) is play
