"""Runs, checkpoints and beliefs written before settings were nested: they load, resume, evaluate.

`legacy/` holds one half-trained run a method, stopped at iteration 2 of 4, and what it came to when
that version of dreamrl went on with it (`expected.json`).
"""

import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

import dreamrl
from dreamrl import runs
from dreamrl.errors import UserError

LEGACY = Path(__file__).parent / "legacy"
EXPECTED = json.loads((LEGACY / "expected.json").read_text())
ON_POLICY = ("dream", "random-exploration", "rl2", "oracle", "varibad", "import", "maml")
OFF_POLICY = ("e-rl2-dqn", "pearl")


def first(name):
    return runs.find(LEGACY / name)[0].path


@pytest.mark.parametrize("name", EXPECTED)
def test_an_agent_and_its_belief_are_what_they_were(name):
    agent, wanted = dreamrl.load(first(name)), EXPECTED[name]
    result = dreamrl.evaluate(agent, trials=200, seed=1)
    if name not in ("random-exploration", "pearl", "maml"):  # These draw actions, by other keys.
        assert result.return_mean == pytest.approx(wanted["half_return"])
    assert result.exploration_length_mean == pytest.approx(wanted["half_length"])
    belief = agent.load_belief(LEGACY / f"{name}-belief")
    assert belief.steps == wanted["steps"]
    np.testing.assert_allclose(belief.means[-1], wanted["mean"], rtol=1e-5, atol=1e-7)
    if name != "pearl":
        actions = agent.exploit(3, 0, belief, 6).actions
        assert np.asarray(actions).tolist() == wanted["actions"]


def resumed(name, tmp_path):
    out = tmp_path / name
    shutil.copytree(LEGACY / name, out)
    with runs.open_session(out) as session:
        done = session.run()
    assert done.status == "finished"
    return [np.asarray(x, np.float64) for x in jax.tree.leaves(done.training.state.params)]


@pytest.mark.parametrize("name", ON_POLICY)
def test_a_run_goes_on_to_the_same_end(name, tmp_path):
    leaves = resumed(name, tmp_path)
    found = ([x.sum() for x in leaves], [np.abs(x).sum() for x in leaves])
    wanted = (EXPECTED[name]["sum"], EXPECTED[name]["abs"])
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-4)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", OFF_POLICY)
def test_a_run_of_replayed_trials_goes_on(name, tmp_path):
    assert all(np.isfinite(x).all() for x in resumed(name, tmp_path))


def test_what_the_decoder_replays_was_not_there_with_the_other_learner(tmp_path):
    with pytest.raises(UserError, match="none of the 1 checkpoints can be used"):
        resumed("dream-dqn", tmp_path)
