"""What the decoder is taught."""

import jax
import jax.numpy as jnp
import numpy as np

from dreamrl.agents.dream.decoder import decoder_loss


def test_an_exploration_that_ends_early_counts_as_much_as_any(untrained):
    """Else what is found where it ends would hardly be learned: it is seen in one step."""
    params, explored = untrained.params, untrained.trials.explored
    two = jax.tree.map(lambda x: x[:2], explored.trajectory)
    steps = two.mask.shape[1]
    assert steps > 1
    cut = two._replace(mask=jnp.ones_like(two.mask).at[0, 1:].set(False))
    means = params.encoder(explored.problem_id)[:2]
    each = [
        decoder_loss(params.decoder, jax.tree.map(lambda x, i=i: x[i : i + 1], cut), means[i][None])
        for i in range(2)
    ]
    np.testing.assert_allclose(
        decoder_loss(params.decoder, cut, means), (each[0] + each[1]) / 2, rtol=1e-5
    )
    # What it left, which exploitation acts on, counts from its end on.
    beliefs = params.decoder.unroll(jax.tree.map(lambda x: x[0], cut))
    errors = jnp.square(beliefs - means[0]).sum(-1)
    expected = (errors[0] + steps * errors[1]) / (steps + 1)
    np.testing.assert_allclose(each[0], expected, rtol=1e-5)
