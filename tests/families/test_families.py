"""What holds for every family that has a name, compiled and in batches too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.errors import UserError
from dreamrl.families import NAMES
from dreamrl.families.family import Family
from dreamrl.testing import check_family

BATCH = 6


@pytest.fixture(params=NAMES)
def family(request):
    return dreamrl.make(request.param)


def test_names_are_in_order_and_their_families_say_them():
    assert NAMES[:4] == ("bus", "distracting-bus", "map", "cooking")
    assert [dreamrl.make(name).name for name in NAMES] == list(NAMES)


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UserError, match=r"unknown family 'distracting_bus'.*'distracting-bus'"):
        dreamrl.make("distracting_bus")
    with pytest.raises(UserError, match="known: bus, distracting-bus, map, cooking"):
        dreamrl.make("zzz")


def test_families_keep_the_rules(family):
    assert isinstance(family, Family)
    check_family(family)


def test_families_are_values(family):
    assert family == dreamrl.make(family.name)
    assert hash(family) == hash(dreamrl.make(family.name))


def test_compiled_batches_do_what_single_calls_do(family):
    ids = jnp.resize(jnp.array([family.test_ids[-1], *family.train_ids]), BATCH)
    keys = jax.random.split(jax.random.key(1), BATCH)
    actions = jax.vmap(family.action_space.sample)(jax.random.split(jax.random.key(2), BATCH))

    def play(problem_id, key, action, exploring):
        problem = family.problem(problem_id)
        goal = None if exploring else family.sample_goal(key, problem)
        state, first = family.reset(key, problem)
        return problem, goal, first, family.step(key, problem, goal, state, action)

    for exploring in (True, False):
        wide = jax.jit(jax.vmap(lambda *x, e=exploring: play(*x, e)))(ids, keys, actions)
        for i in range(2):
            alone = play(ids[i], keys[i], actions[i], exploring)
            one = jax.tree.map(lambda x, i=i: x[i], wide)
            jax.tree.map(same_but_for_rounding, alone, one)


def same_but_for_rounding(alone, one):
    """Programs may differ in the last bit of a real number, and so in the level of a pixel."""
    rounding = {"rtol": 1e-6 if jnp.issubdtype(alone.dtype, jnp.floating) else 0}
    alone, one = np.asarray(alone), np.asarray(one)
    if alone.dtype == np.uint8:
        alone, one, rounding["atol"] = alone.astype(int), one.astype(int), 1
    np.testing.assert_allclose(alone, one, **rounding)


def test_goals_are_what_sample_goal_draws(family):
    problem = family.problem(jnp.array(family.test_ids[0]))
    values, probabilities = family.goals(problem)
    assert float(probabilities.sum()) == pytest.approx(1)
    keys = jax.random.split(jax.random.key(0), 4000)
    drawn = np.asarray(jax.vmap(family.sample_goal, (0, None))(keys, problem))
    for goal in np.unique(values, axis=0):
        expected = float(probabilities[(values == goal).all(-1)].sum())
        assert (drawn == goal).all(-1).mean() == pytest.approx(expected, abs=0.03)


def test_splits():
    distracting, cooking = dreamrl.make("distracting-bus"), dreamrl.make("cooking")
    assert distracting.train_ids == tuple(range(0, 576, 11))
    assert len(distracting.test_ids) == 523
    assert cooking.test_ids == (10,)
    assert len(cooking.train_ids) == 63
    for family in (distracting, cooking):
        assert not {*family.train_ids} & {*family.test_ids}
    assert dreamrl.make("bus").test_ids == dreamrl.make("bus").train_ids == tuple(range(24))


@pytest.mark.parametrize("name", ["bus", "distracting-bus"])
def test_mirrored_problems_have_mirrored_lines(name):
    family = dreamrl.make(name)
    for symmetry in family.symmetries():
        for i in (*family.train_ids[:5], family.test_ids[-2]):
            before = symmetry.goal(_lines(family, i))
            after = _lines(family, int(symmetry.problems[i]))
            assert {tuple(line) for line in before.reshape(-1, 4).tolist()} == {
                tuple(line) for line in after.reshape(-1, 4).tolist()
            }


def _lines(family, problem_id):
    """[stations, 2, 2]: from where to where."""
    partners = np.asarray(family.problem(jnp.array(problem_id)).partners)
    return np.stack([family._stations, partners], 1)


def test_fields_behind_a_name():
    assert dreamrl.make("bandit:arms=4") == dreamrl.make("bandit", arms=4)
    assert dreamrl.make("sign:height=30,width=40").observation_space.shape == (30, 40, 3)
    with pytest.raises(UserError, match=r"unknown field of bandit 'arm'.*'arms'"):
        dreamrl.make("bandit:arm=4")
    with pytest.raises(UserError, match="'arms=many' is not FIELD=NUMBER"):
        dreamrl.make("bandit:arms=many")
    with pytest.raises(UserError, match=r"arms must be a whole number, is 4\.5"):
        dreamrl.make("bandit:arms=4.5")
    with pytest.raises(UserError, match="unknown family"):
        dreamrl.make("bandits:arms=4")
    for slip in ("height", "", "height 30"):
        with pytest.raises(UserError, match=f"family sign: '{slip}' is not FIELD=NUMBER"):
            dreamrl.make(f"sign:{slip}")
