"""A new machine each trial: tables are shown, and some are never trained on."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.errors import UserError
from dreamrl.families.diagnosis import fleet, fleet_of, from_columns
from dreamrl.families.family import HasDescriptions, prior_of
from dreamrl.references import references
from dreamrl.testing import check_family

SMALL = fleet(tables=6, held_out=2, faults=3, tests=2, repairs=2, budget=2)


def test_the_rules_are_kept_and_no_table_is_in_both_splits():
    check_family(SMALL)
    assert isinstance(SMALL, HasDescriptions)
    assert (SMALL.train_ids, SMALL.test_ids) == (range(12), range(12, 18))
    shown = jax.vmap(lambda i: SMALL.problem(i).likelihoods)(jnp.arange(18))
    assert not np.isin(np.asarray(shown[12:]), np.asarray(shown[:12])).all((1, 2, 3)).any()
    prior = prior_of(SMALL, SMALL.test_ids)
    assert prior.reshape(2, 3).sum(1) == pytest.approx([0.5, 0.5])


def test_the_table_is_shown_in_both_episodes_and_not_the_fault():
    first = [SMALL.reset(jax.random.key(i), SMALL.problem(jnp.array(i)))[1] for i in (3, 4, 6)]
    np.testing.assert_array_equal(first[0], first[1])
    assert (first[0] != first[2]).any()
    problem, table = SMALL.problem(jnp.array(4)), SMALL.tables[1]
    state, _ = SMALL.reset(jax.random.key(0), problem)
    belief = table.prior
    for test in range(2):
        state, step = SMALL.step(jax.random.key(test), problem, None, state, jnp.array(test))
        seen = np.asarray(step.observation)
        for row in range(2):
            np.testing.assert_allclose(
                seen[row, :, 0], 2 * table.likelihoods[row, 0] - 1, rtol=1e-5
            )
            np.testing.assert_allclose(seen[row, :, 2:4], table.payoffs.T)
        after = [belief * own / (belief @ own) for own in table.likelihoods[test]]
        outcome = int(np.abs(np.array(after) - seen[0, :, 1]).sum(1).argmin())
        belief = after[outcome]
        np.testing.assert_allclose(seen[0, :, 1], belief, rtol=1e-5)
        np.testing.assert_array_equal(seen[0, :, 1], seen[1, :, 1])
    paid = SMALL.step(jax.random.key(0), problem, jnp.array(0), state, jnp.array(1))[1]
    assert (float(paid.reward), bool(paid.terminated)) == (table.payoffs[1, 1], True)
    np.testing.assert_array_equal(SMALL.describe(jnp.array(4)), table.payoffs[:, 1])


def test_a_machine_of_ones_own_is_seen_as_those_of_the_fleet():
    problem, table = SMALL.problem(jnp.array(13)), SMALL.tables[4]
    state, first = SMALL.reset(jax.random.key(0), problem)
    np.testing.assert_allclose(SMALL.observation(table), first, rtol=1e-5)
    state, step = SMALL.step(jax.random.key(0), problem, None, state, jnp.array(1))
    either = [SMALL.observation(table, [2 + outcome]) for outcome in range(2)]
    assert any(np.allclose(each, step.observation, rtol=1e-5) for each in either)


def test_outcomes_are_as_likely_as_the_table_says():
    problem, table = SMALL.problem(jnp.array(5)), SMALL.tables[1]

    def positive(key):
        state, _ = SMALL.reset(key, problem)
        belief = SMALL.step(key, problem, None, state, jnp.array(1))[0].belief
        return belief[2] > table.prior[2]

    # The outcome that makes the fault likelier.
    likelihoods = table.likelihoods[1]
    likelier = int(likelihoods[1, 2] > likelihoods[1] @ table.prior)
    found = jax.vmap(positive)(jax.random.split(jax.random.key(0), 4000)).mean()
    assert found == pytest.approx(likelihoods[likelier, 2], abs=0.03)


def test_a_machine_of_it_has_references():
    found = references(SMALL.machine(5), number=10)
    assert found.no_test <= found.bayes_optimal.low <= found.optimum == 1


def test_tables_of_different_sizes_are_refused():
    other = from_columns(
        {"fault": ["a", "b"], "prior": [0.5, 0.5]},
        {"test": ["x"], "cost": [0], "a": [0.1], "b": [0.9]},
        {"repair": ["for a", "for b"], "a": [1, 0], "b": [0, 1]},
    )
    with pytest.raises(UserError, match="tables must have the same numbers of tests, outcomes"):
        dataclasses.replace(SMALL, tables=(*SMALL.tables, other.table))
    with pytest.raises(UserError, match="held_out must be 1 to 5, is 6"):
        dataclasses.replace(SMALL, held_out=6)
    with pytest.raises(UserError, match="budget must be at least 1, is 0"):
        dataclasses.replace(SMALL, budget=0)


def _written(folder, positive, settings=None):
    folder.mkdir(parents=True)
    (folder / "faults.csv").write_text("fault,prior\nworn,0.5\nloose,0.5\n")
    (folder / "tests.csv").write_text(f"test,cost,worn,loose\nlisten,0,{positive},0.1\n")
    (folder / "repairs.csv").write_text("repair,worn,loose\nreplace,1,-1\ntighten,-1,1\n")
    if settings:
        (folder / "settings.json").write_text(settings)


def test_machines_are_read_from_folders(tmp_path):
    plants = tmp_path / "plants"
    for number, positive in enumerate((0.7, 0.8, 0.9)):
        _written(plants / f"plant-{number}", positive)
    (plants / "notes.txt").write_text("no machine")
    family = fleet_of(plants, held_out=1)
    assert (family.budget, len(family.tables), family.test_ids) == (1, 3, range(4, 6))
    positives = [float(table.likelihoods[0, :, 0].max()) for table in family.tables]
    assert positives == pytest.approx([0.7, 0.8, 0.9])
    check_family(family)
    _written(plants / "plant-3", 0.9, '{"outcomes": "fixed"}')
    with pytest.raises(UserError, match="plant-3: outcomes of a fleet are fresh"):
        fleet_of(plants, held_out=1)
    _written(plants / "plant-2b", 1.9)
    with pytest.raises(UserError, match=r"plant-2b.tests\.csv"):
        fleet_of(plants, held_out=1)
    with pytest.raises(UserError, match="holds no folders"):
        fleet_of(plants / "plant-0", held_out=1)
