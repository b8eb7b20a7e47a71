"""Trained for seconds, DREAM finds out what matters, and nothing else."""

import dataclasses
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Float

from dreamrl.agents.registry import make_trainer
from dreamrl.configuration import changed
from dreamrl.evaluation import outcome
from dreamrl.types import ProblemID

pytestmark = pytest.mark.learns

BEST = 0.9
"""One step that costs 0.1, and one that arrives at the right end."""


class Learned(NamedTuple):
    returns: Float[np.ndarray, " seeds"]
    """Of greedy meta-tests, a mean over all problems."""
    length: Float[np.ndarray, " seeds"]
    """Of their explorations."""
    means: Float[np.ndarray, "seeds problems Z"]
    """What the encoder tells of each problem."""


def learner(settings):
    """(family, key) -> what one seed learns; the family's fields may be traced."""

    def learn(family, key):
        trainer = make_trainer("dream", family, settings)

        def iterate(state, _):
            return trainer.iterate(state)[0], None

        state, _ = jax.lax.scan(iterate, trainer.init(key), None, settings.budget.iterations)
        agent, ids = trainer.agent(state), jnp.array(family.test_ids)
        play = jax.vmap(lambda i, key: outcome(family, agent, i, key))
        found = play(ids, jax.random.split(key, len(ids)))
        means = trainer.encode(state, ProblemID(ids))
        return Learned(found.returns.mean(), found.length.mean(), means)

    return learn


def bits_about_symbol(means, rho):
    """I(symbol; z | bit) where z ~ N(mean, rho^2 I), in bits, from draws of z.

    Means are in order of IDs, which are 2 symbol + bit.
    """
    rng = np.random.default_rng(0)
    told = []
    for centres in (means[0::2], means[1::2]):
        own = np.repeat(np.arange(len(centres)), 2000)
        z = centres[own] + rho * rng.normal(size=(len(own), centres.shape[1]))
        log_likelihoods = -np.square(z[:, None] - centres).sum(-1) / (2 * rho**2)
        log_average = np.logaddexp.reduce(log_likelihoods, axis=1) - np.log(len(centres))
        told.append(log_likelihoods[np.arange(len(own)), own] - log_average)
    return np.mean(told) / np.log(2)


def test_bits_are_counted_well():
    centres = np.zeros((8, 3))
    assert bits_about_symbol(centres, 0.1) == pytest.approx(0, abs=1e-9)
    centres[:, 0] = np.arange(8) // 2
    assert bits_about_symbol(centres, 0.01) == pytest.approx(2)
    # Two of the four look alike.
    assert bits_about_symbol(np.minimum(centres, 2), 0.01) == pytest.approx(1.5)
    # What is far from each other by no more than noise is worth little.
    assert 0.01 < bits_about_symbol(0.02 * centres, 0.1) < 0.1


@pytest.fixture(scope="module")
def trained(nothing_to_know, irrelevant_fact, relevant_fact, small, well_compiled):
    """Families and seeds side by side in one program: they differ in facts, not in shapes."""
    seeds = {nothing_to_know: 1, irrelevant_fact: 2, relevant_fact: 3}
    cases = [(family, seed) for family, count in seeds.items() for seed in range(count)]
    names = ("matters", "bit_written", "symbol_written")
    facts = {name: jnp.array([getattr(family, name) for family, _ in cases]) for name in names}
    keys = jax.vmap(jax.random.key)(jnp.array([seed for _, seed in cases]))

    def one(facts, key):
        return learner(small)(dataclasses.replace(relevant_fact, **facts), key)

    learned = jax.tree.map(np.asarray, well_compiled(jax.vmap(one), facts, keys))

    def of(family):
        rows = np.array([other == family for other, _ in cases])
        return jax.tree.map(lambda x: x[rows], learned)

    return of


def test_with_nothing_to_know_explorations_end_at_once(trained, nothing_to_know):
    learned = trained(nothing_to_know)
    np.testing.assert_array_equal(learned.length, 0)
    np.testing.assert_allclose(learned.returns, BEST, rtol=1e-5)


def test_a_fact_two_steps_away_is_found_in_every_seed(trained, relevant_fact):
    learned = trained(relevant_fact)
    assert (learned.returns >= 0.95 * BEST).all()
    assert (learned.length >= 2).all()
    assert (learned.length <= 3).all()


def test_an_irrelevant_fact_is_left_out_of_z(trained, irrelevant_fact, small):
    learned = trained(irrelevant_fact)
    assert (learned.returns >= 0.95 * BEST).all()
    assert (
        np.array([bits_about_symbol(means, small.encoding.rho) for means in learned.means]) < 0.1
    ).all()


def test_without_the_bottleneck_an_irrelevant_fact_stays_in_z(
    irrelevant_fact, small, well_compiled
):
    settings = changed(small, {"bottleneck": "none", "iterations": 100})
    learn = partial(learner(settings), irrelevant_fact)
    learned = well_compiled(learn, jax.random.key(0))
    assert float(learned.returns) >= 0.95 * BEST
    assert bits_about_symbol(np.asarray(learned.means), small.encoding.rho) > 1


def test_a_critic_that_is_told_the_problem_teaches_to_find_out(relevant_fact, small, well_compiled):
    settings = changed(small, {"exploration.critic": "privileged", "iterations": 150})
    learn = partial(learner(settings), relevant_fact)
    learned = well_compiled(learn, jax.random.key(0))
    assert float(learned.returns) >= 0.95 * BEST
    assert 2 <= float(learned.length) <= 3
