"""A belief that is put away and taken out again is the same belief, or is refused."""

import json

import jax
import numpy as np
import pytest

from dreamrl.errors import UserError


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
