"""Four components, none in another's way: who learns from what."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dreamrl.agents.dream.exploitation import exploitation_loss

from dreamrl.agents.dream.decoder import decoder_loss
from dreamrl.agents.dream.exploration import exploration_loss


def largest(tree):
    """The largest entry, by size, of all arrays."""
    return max(float(jnp.abs(x).max()) for x in jax.tree.leaves(eqx.filter(tree, eqx.is_array)))


def same(a, b):
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(bool((x == y).all()) for x, y in pairs)


def told(params):
    return params.encoder, params.exploitation


def loss_of_exploitation(nets, batch, dual=0.5):
    weights = dict(clip=0.2, entropy_weight=0.1, barrier_weight=0.02, dual=dual)
    return exploitation_loss(nets, batch, **weights, free=0.0)[0]


@pytest.mark.parametrize("part", ["decoder", "exploration"])
def test_exploitation_teaches_neither_decoder_nor_exploration(untrained, part):
    """Through the whole of the trials: exploration, belief, z, exploitation."""
    algorithm, params = untrained.algorithm, untrained.state.params

    def loss(component):
        varied = params._replace(**{part: component})
        new = algorithm._player.play(varied, jnp.array(1.0), jax.random.key(4))
        return loss_of_exploitation(told(params), new.exploitation)

    grads = eqx.filter_jit(eqx.filter_grad(loss))(getattr(params, part))
    assert untrained.trials.exploitation.decoded.any()
    assert largest(grads) == 0


def test_beliefs_are_used_but_not_taught(untrained):
    """A decoder that believes otherwise makes another loss, and no gradient flows back to it."""
    params, batch = untrained.state.params, untrained.trials.exploitation
    batch = batch._replace(decoded=jnp.ones_like(batch.decoded))

    def loss(decoder):
        beliefs = jax.vmap(decoder.unroll)(untrained.trials.explored.trajectory)[:, -1]
        believing = batch._replace(beliefs=beliefs)
        return loss_of_exploitation(told(params), believing)

    other = jax.tree.map(lambda x: 2 * x, params.decoder)
    assert float(loss(other)) != float(loss(params.decoder))
    assert largest(eqx.filter_grad(loss)(params.decoder)) == 0


def test_the_decoder_does_not_teach_the_encoder(untrained):
    params, explored = untrained.state.params, untrained.trials.explored

    def loss(parts):
        encoder, decoder = parts
        return decoder_loss(decoder, explored.trajectory, encoder(explored.problem_id))

    to_encoder, to_decoder = eqx.filter_grad(loss)((params.encoder, params.decoder))
    assert largest(to_encoder) == 0
    assert largest(to_decoder) > 0


def encoder_gradient(untrained, decoded, dual):
    params, batch = untrained.state.params, untrained.trials.exploitation
    batch = batch._replace(decoded=decoded)

    def loss(encoder):
        return loss_of_exploitation((encoder, params.exploitation), batch, dual)

    return eqx.filter_grad(loss)(params.encoder).means


def test_the_encoder_learns_from_episodes_on_its_own_z(untrained):
    ids = np.asarray(untrained.trials.exploitation.problem_id.value)
    own = jnp.asarray(ids % 2 == 0)
    grads = np.abs(encoder_gradient(untrained, ~own, 0.0)).max(-1)
    assert set(ids.tolist()) == set(range(8))
    assert (grads[0::2] > 0).all()
    assert (grads[1::2] == 0).all()


def test_episodes_on_the_decoders_z_leave_only_the_bottleneck(untrained):
    batch, means = untrained.trials.exploitation, untrained.state.params.encoder.means
    all_decoded = jnp.ones_like(batch.decoded)
    assert largest(encoder_gradient(untrained, all_decoded, 0.0)) == 0
    dual = 0.7
    share = np.bincount(batch.problem_id.value, minlength=8) / len(batch.decoded)
    expected = dual * share[:, None] * np.asarray(means)
    found = encoder_gradient(untrained, all_decoded, dual)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_the_stop_rule_does_not_move_what_it_reads(untrained):
    policy, batch = untrained.state.params.exploration, untrained.trials.exploration

    def grads(worth):
        stopping = batch._replace(worth=worth)
        return eqx.filter_grad(lambda p: exploration_loss(p, stopping, 0.2, 0.1)[0])(policy)

    first, second = grads(batch.worth), grads(batch.worth + 10)
    assert same(first.network, second.network)
    assert not same(first.stop, second.stop)
    assert largest(first.network) > 0


def test_explorations_are_paid_alike_whatever_exploitation_does(untrained):
    params = untrained.state.params
    other = jax.tree.map(lambda x: -2 * x, params.exploitation)
    varied = untrained.play(params._replace(exploitation=other), jnp.array(1.0), jax.random.key(4))
    assert same(varied.exploration, untrained.trials.exploration)
    assert same(varied.explored, untrained.trials.explored)
    assert not same(varied.exploitation, untrained.trials.exploitation)


@pytest.fixture(scope="module")
def update(untrained):
    """The parameters after one update whose data of one kind is another than usual."""
    algorithm, state, _, new = untrained
    compiled = jax.jit(algorithm._update)

    def after(disturbed):
        data = {
            "exploitation": new.exploitation,
            "exploration": new.exploration,
            "replayed": new.explored,
        }
        if disturbed == "replayed":
            trajectory = new.explored.trajectory
            trajectory = trajectory._replace(rewards=trajectory.rewards + 1)
            data[disturbed] = new.explored._replace(trajectory=trajectory)
        elif disturbed:
            flipped = data[disturbed].ppo._replace(advantages=-data[disturbed].ppo.advantages)
            data[disturbed] = data[disturbed]._replace(ppo=flipped)
        minibatch = tuple(data.values())
        progress = jnp.array(0.5)
        return compiled(state.params, state.optimisers, minibatch, progress, state.dual)[0][0]

    return after


@pytest.mark.parametrize(
    ("disturbed", "learners"),
    [
        ("exploitation", {"encoder", "exploitation"}),
        ("exploration", {"exploration"}),
        ("replayed", {"decoder"}),
    ],
)
def test_an_update_teaches_from_one_kind_of_data_those_it_is_for(update, disturbed, learners):
    before, after = update(None), update(disturbed)
    parts = zip(before._fields, before, after, strict=True)
    assert {name for name, old, new in parts if not same(old, new)} == learners
