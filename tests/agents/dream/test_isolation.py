"""Four components, none in another's way: who learns from what."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.agents.algorithm import Snapshot
from dreamrl.agents.dream.algorithm import Dream
from dreamrl.agents.dream.bottleneck import information
from dreamrl.agents.loop import Trainer
from dreamrl.configuration import changed


def largest(tree):
    """The largest entry, by size, of all arrays."""
    return max(float(jnp.abs(x).max()) for x in jax.tree.leaves(eqx.filter(tree, eqx.is_array)))


def same(a, b):
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(bool((x == y).all()) for x, y in pairs)


def loss_of_exploitation(untrained, nets, batch, dual=0.5):
    return untrained.losses(exploitation=batch, dual=dual)["exploitation"](nets)[0]


def informed(params):
    """What exploitation's loss trains."""
    return params.encoder, params.exploitation


@pytest.mark.parametrize("part", ["decoder", "exploration"])
def test_exploitation_teaches_neither_decoder_nor_exploration(untrained, part):
    """Through the whole of the trials: exploration, belief, z, exploitation."""
    params = untrained.params

    def loss(component):
        varied = params._replace(**{part: component})
        new = untrained.play(varied, jnp.array(1.0), jax.random.key(4))
        return loss_of_exploitation(untrained, informed(params), new.exploitation)

    grads = eqx.filter_jit(eqx.filter_grad(loss))(getattr(params, part))
    assert untrained.trials.exploitation.believed.any()
    assert largest(grads) == 0


def test_beliefs_are_used_but_not_taught(untrained):
    """A decoder that believes otherwise makes another loss, and no gradient flows back to it."""
    params, batch = untrained.params, untrained.trials.exploitation
    batch = batch._replace(believed=jnp.ones_like(batch.believed))

    def loss(decoder):
        beliefs = jax.vmap(decoder.unroll)(untrained.trials.explored.trajectory)[:, -1]
        believing = batch._replace(beliefs=beliefs)
        return loss_of_exploitation(untrained, informed(params), believing)

    both = eqx.filter_jit(eqx.filter_value_and_grad(loss))
    other = jax.tree.map(lambda x: 2 * x, params.decoder)
    value, grads = both(params.decoder)
    assert float(both(other)[0]) != float(value)
    assert largest(grads) == 0


def test_the_decoder_does_not_teach_the_encoder(untrained):
    params = untrained.params

    def loss(parts):
        encoder, decoder = parts
        return untrained.losses(params._replace(encoder=encoder))["decoder"](decoder)[0]

    to_encoder, to_decoder = eqx.filter_jit(eqx.filter_grad(loss))((params.encoder, params.decoder))
    assert largest(to_encoder) == 0
    assert largest(to_decoder) > 0


def encoder_gradient(untrained, decoded, dual):
    params, batch = untrained.params, untrained.trials.exploitation
    batch = batch._replace(believed=decoded)

    def loss(encoder):
        return loss_of_exploitation(untrained, (encoder, params.exploitation), batch, dual)

    return eqx.filter_jit(eqx.filter_grad(loss))(params.encoder).means


def test_the_encoder_learns_from_episodes_on_its_own_z(untrained):
    ids = np.asarray(untrained.trials.exploitation.problem_id.value)
    own = jnp.asarray(ids % 2 == 0)
    grads = np.abs(encoder_gradient(untrained, ~own, 0.0)).max(-1)
    assert set(ids.tolist()) == set(range(8))
    assert (grads[0::2] > 0).all()
    assert (grads[1::2] == 0).all()


def test_episodes_on_the_decoders_z_leave_only_the_bottleneck(untrained):
    batch, encoder = untrained.trials.exploitation, untrained.params.encoder
    all_decoded = jnp.ones_like(batch.believed)
    assert largest(encoder_gradient(untrained, all_decoded, 0.0)) == 0
    dual, rho = 0.7, untrained.algorithm.settings.encoding.rho

    def price(encoder):
        return dual * information(encoder(batch.problem_id), rho)

    expected = eqx.filter_grad(price)(encoder).means
    assert largest(expected) > 0.01
    found = encoder_gradient(untrained, all_decoded, dual)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_the_stop_rule_does_not_move_what_it_reads(untrained):
    params, batch = untrained.params, untrained.trials.exploration

    @jax.jit
    def grads(continuation):
        stopping = batch._replace(continuation=continuation)
        loss = untrained.losses(exploration=stopping)["exploration"]
        return eqx.filter_grad(lambda policy: loss((policy, params.critic))[0])(params.exploration)

    first, second = grads(batch.continuation), grads(batch.continuation + 10)
    assert same(first.network, second.network)
    assert not same(first.stop, second.stop)
    assert largest(first.network) > 0


def test_a_critic_that_is_told_the_problem_moves_advantages_alone(untrained):
    algorithm, params = untrained.algorithm, untrained.params
    if not untrained.ppo:
        assert params.critic is None
        return
    batch, experience = untrained.trials.exploration, untrained.trials.experience
    other = params._replace(critic=jax.tree.map(lambda x: x + 0.3, params.critic))
    now = Snapshot(other, jnp.array(1.0), untrained.state.memory, None)
    varied = jax.jit(lambda now: algorithm.prepare(now, experience)[0].exploration)(now)
    assert not same(varied.learner.advantages, batch.learner.advantages)
    assert same(varied.continuation, batch.continuation)
    rest = (varied.percepts, varied.beliefs, varied.means)
    assert same(rest, (batch.percepts, batch.beliefs, batch.means))


def test_explorations_are_paid_alike_whatever_exploitation_does(untrained):
    params, progress, key = untrained.params, jnp.array(1.0), jax.random.key(4)
    other = jax.tree.map(lambda x: -2 * x, params.exploitation)
    varied = untrained.play(params._replace(exploitation=other), progress, key)
    assert same(varied.exploration, untrained.trials.exploration)
    assert same(varied.explored, untrained.trials.explored)
    assert not same(varied.exploitation, untrained.trials.exploitation)


def test_no_loss_reaches_the_parameters_of_another_group(untrained):
    """What a loss sees beside its own group, it takes as it is: data, means, targets."""
    algorithm, params = untrained.algorithm, untrained.params
    groups = algorithm.groups(params)
    assert list(groups) == list(untrained.losses())
    for name, group in groups.items():

        def loss(everything, name=name, group=group):
            target = None if untrained.ppo else algorithm.target(everything)
            now = Snapshot(everything, jnp.array(1.0), untrained.state.memory, target)
            learned_from = algorithm.stored(untrained.trials.experience)
            if untrained.ppo:
                learned_from = untrained.trials.experience
            batch, _ = algorithm.prepare(now, learned_from)
            data = (batch, untrained.trials.explored, jax.random.key(0))
            return algorithm.losses(now, *data)[name](group)[0]

        own = eqx.filter_grad(lambda group, name=name: untrained.losses()[name](group)[0])
        assert largest(eqx.filter_jit(own)(group)) > 0
        assert largest(eqx.filter_jit(eqx.filter_grad(loss))(params)) == 0, name


def test_groups_hold_each_parameter_once(untrained):
    algorithm, params = untrained.algorithm, untrained.params
    leaves = [id(x) for x in jax.tree.leaves(params)]
    held = {name: jax.tree.leaves(group) for name, group in algorithm.groups(params).items()}
    assert sorted(id(x) for group in held.values() for x in group) == sorted(leaves)
    assert same(algorithm.merge(params, algorithm.groups(params)), params)
    for name, changed_parts in LEARNERS.items():
        groups = algorithm.groups(params)
        groups[name] = jax.tree.map(lambda x: x + 1, groups[name])
        assert moved(params, algorithm.merge(params, groups)) == changed_parts & components(params)


LEARNERS = {
    "exploitation": {"encoder", "exploitation"},
    "exploration": {"exploration", "critic"},
    "decoder": {"decoder"},
}
"""The components that learn from each kind of data."""


def components(params):
    """The names of the components that there are."""
    return {name for name, part in params._asdict().items() if part is not None}


def moved(before, after):
    """The names of the components that differ."""
    parts = zip(before._fields, before, after, strict=True)
    return {name for name, old, new in parts if not same(old, new)}


@dataclasses.dataclass(frozen=True)
class Disturbed(Dream):
    """Learns from data of which one kind or another is not what it was."""

    kinds: Any = None
    """{kind of data: 1 where it is disturbed, else 0}"""

    def prepare(self, now, experience):
        batch, metrics = super().prepare(now, experience)

        def turned(part, disturbed):
            learner, sign = part.learner, 1 - 2 * disturbed
            if self.settings.learner.name == "ppo":
                return part._replace(learner=learner._replace(advantages=sign * learner.advantages))
            turned = dataclasses.replace(learner, rewards=learner.rewards + 3 * disturbed)
            return part._replace(learner=turned)

        parts = {name: turned(getattr(batch, name), self.kinds[name]) for name in batch._fields}
        return batch._replace(**parts), metrics

    def recalled(self, memory, key):
        explored = super().recalled(memory, key)
        rewards = explored.trajectory.rewards + self.kinds["decoder"]
        return explored._replace(trajectory=explored.trajectory._replace(rewards=rewards))


@pytest.fixture(scope="module")
def update(untrained):
    """The parameters after one update whose data of one kind is another than usual."""
    once = {"minibatches": 1} if untrained.ppo else {"updates": 1}
    settings = changed(untrained.algorithm.settings, once)

    @jax.jit
    def iterate(state, kinds):
        return Trainer(Disturbed(untrained.algorithm.family, settings, kinds=kinds)).iterate(state)

    def after(disturbed):
        kinds = {kind: jnp.array(float(kind == disturbed)) for kind in LEARNERS}
        return iterate(untrained.state, kinds)[0].params

    return after


@pytest.mark.parametrize(("disturbed", "learners"), LEARNERS.items())
def test_an_update_teaches_from_one_kind_of_data_those_it_is_for(update, disturbed, learners):
    before = update(None)
    assert moved(before, update(disturbed)) == learners & components(before)
