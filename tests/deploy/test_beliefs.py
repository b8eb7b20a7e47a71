"""A belief that is put away and taken out again is the same belief, or is refused."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dreamrl.deploy import ProblemEnvironment
from dreamrl.errors import UserError
from dreamrl.runs.store import save_tree


def test_saved_and_loaded(circling, tmp_path):
    beliefs = circling.explore(3)
    found = circling.load_belief(beliefs.save(tmp_path / "kitchen"))
    jax.tree.map(np.testing.assert_array_equal, found.held, beliefs.held)
    np.testing.assert_array_equal(found.gained, beliefs.gained)
    np.testing.assert_array_equal(found.confidence, beliefs.confidence)
    episodes = [circling.exploit(3, (0, 8), belief) for belief in (beliefs, found)]
    jax.tree.map(np.testing.assert_array_equal, *episodes)
    for ending in (".json", ".safetensors"):
        assert circling.load_belief(tmp_path / f"kitchen{ending}").steps == 7


def test_files_of_before_say_not_a_number_where_nothing_is_known(circling, tmp_path):
    untold = circling.explore(circling.family.problem(jnp.array(3)))
    old = untold.held._replace(errors=np.full_like(untold.held.errors, np.nan))
    save_tree(tmp_path / "old", old, kind="belief", agent=circling.fingerprint)
    with jax.debug_nans(True):
        found = circling.load_belief(tmp_path / "old")
        assert found.errors is found.gained is untold.errors is None
    np.testing.assert_array_equal(found.means, untold.means)


def test_no_number_stands_for_nothing(circling):
    """Whoever looks for NaN and infinity in an environment finds none of the agent's."""
    with jax.debug_nans(True), jax.debug_infs(True):
        belief = circling.explore(Quiet(circling.family, 3))
        assert belief.errors is None
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(belief.held))
        assert circling.exploit(3, (8, 8), belief).terminated[-1]
        assert circling.explore(3).errors is not None


class Quiet(ProblemEnvironment):
    """An environment that does not say what problem it is."""

    def __init__(self, family, problem_id):
        super().__init__(family, family.problem(jnp.array(problem_id)))


def test_no_problem_id_is_kept(circling, tmp_path):
    beliefs = circling.explore(3)
    stem = beliefs.save(str(tmp_path / "kitchen"))
    manifest = json.loads(stem.with_suffix(".json").read_text())
    assert manifest["agent"] == circling.fingerprint
    assert not [name for name in (*manifest, *manifest["arrays"]) if "problem" in name]
    assert set(beliefs.held._fields) == {"trajectory", "means", "errors", "last"}


def test_beliefs_of_another_agent(circling, another, tmp_path):
    beliefs = circling.explore(3)
    stem = beliefs.save(tmp_path / "kitchen")
    with pytest.raises(UserError, match=r"kitchen\.json is a belief of another agent"):
        another.load_belief(stem)
    with pytest.raises(UserError, match="belief of another agent, which means nothing"):
        another.exploit(3, (8, 8), beliefs)


def test_beliefs_that_are_none(circling, tmp_path):
    beliefs = circling.explore(3)
    with pytest.raises(UserError, match=r"kitchen\.json is missing"):
        circling.load_belief(tmp_path / "kitchen")
    with pytest.raises(UserError, match="nowhere is not a directory"):
        beliefs.save(tmp_path / "nowhere" / "kitchen")
    with pytest.raises(UserError, match="a belief's name has no dot"):
        beliefs.save(tmp_path / "kitchen.1")
    stem = beliefs.save(tmp_path / "kitchen")
    arrays = stem.with_suffix(".safetensors")
    arrays.write_bytes(arrays.read_bytes()[:-4])
    with pytest.raises(UserError, match=r"kitchen\.safetensors is damaged"):
        circling.load_belief(stem)
    stem.with_suffix(".json").write_text('{"format": 1}')
    with pytest.raises(UserError, match="holds no belief"):
        circling.load_belief(stem)
