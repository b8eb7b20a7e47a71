"""What a program needs by the compiler's count: loops as often as they turn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from benchmarks.cost import moved, operations
from benchmarks.speed.roofline import parts_of
from dreamrl.agents import registry
from dreamrl.configuration import changed

ROWS, SIZE, TURNS = 8, 4, 5


def recurrence(weight, x):
    def turn(carry, x):
        carry = jnp.tanh(carry @ weight + x)
        return carry, carry

    return jax.lax.scan(turn, jnp.zeros((ROWS, SIZE)), x)[1]


def inputs():
    return jnp.ones((SIZE, SIZE)), jnp.ones((TURNS, ROWS, SIZE))


def test_a_loop_counts_as_often_as_it_turns():
    found = operations(recurrence, *inputs())
    # A product, then a sum, with what few operations count the turns.
    each = 2 * ROWS * SIZE * SIZE + ROWS * SIZE
    assert TURNS * each <= found.flops <= TURNS * each + 2 * TURNS
    assert found.transcendentals == TURNS * ROWS * SIZE
    least = 4 * TURNS * (SIZE * SIZE + 3 * ROWS * SIZE)
    assert least <= moved(recurrence, *inputs()) <= 4 * least


def test_loops_in_loops_and_in_other_programs():
    def twice(weight, x):
        turn = lambda carry, _: (jax.jit(recurrence)(weight, carry), None)  # noqa: E731
        return jax.lax.scan(turn, x, length=2)[0]

    once, both = (operations(function, *inputs()) for function in (recurrence, twice))
    assert both.transcendentals == 2 * once.transcendentals
    np.testing.assert_allclose(both.flops, 2 * once.flops, rtol=0.02)


def test_what_is_worked_out_again_counts_once():
    def slope(function):
        return jax.grad(lambda weight, x: function(weight, x).sum())

    # Found anew in each call, as `operations` looks at it.
    def again(weight, x):
        return jax.checkpoint(recurrence)(weight, x)

    assert operations(slope(again), *inputs()) == operations(slope(recurrence), *inputs())
    assert moved(slope(again), *inputs()) != moved(slope(recurrence), *inputs())


def test_the_parts_of_an_iteration_come_to_the_whole():
    small = {"trials": 8, "minibatches": 2, "decoder.batch": 8, "decoder.replay": 16, "z": 4}
    settings = changed(registry.settings_for("dream", "bandit"), small)
    trainer = registry.make_trainer("dream", dreamrl.make("bandit"), settings)
    state = jax.jit(trainer.init)(jax.random.key(0))
    parts = parts_of(trainer, state)
    assert sum(part.name.startswith("update: ") for part in parts) == 3
    each = [(part.times, operations(part.function, *part.inputs)) for part in parts]
    whole = operations(trainer.iterate, state)
    for i, name in enumerate(whole._fields):
        together = sum(times * found[i] for times, found in each)
        assert together == pytest.approx(whole[i], rel=0.1), name
