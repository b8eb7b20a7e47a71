"""What the page shows of a trial is what was played."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dreamrl
from dreamrl.agents import registry
from dreamrl.configuration import changed
from dreamrl.deploy import prepare
from dreamrl.report import boards
from dreamrl.report.trials import choose, plane, trials
from dreamrl.spaces import Image
from dreamrl.story import exploit_on, play_story

SMALL = {"exploitation.hidden": 4, "exploration.hidden": 4}


def made(agent, family, settings):
    algorithm = registry.make_trainer(agent, dreamrl.make(family), settings)
    return prepare(algorithm.family, algorithm, algorithm.init(jax.random.key(0)))


@pytest.fixture
def circling(fake):
    return made("fake", "distracting-bus", fake())


@pytest.fixture(scope="module")
def untrained():
    return made("dream", "bandit", changed(registry.METHODS["dream"].presets["default"], SMALL))


def played(agent, problems, seed=3):
    return trials(agent, problems, seed, q_learning=False, draw=False)


def test_numbers_are_those_of_the_trial(circling):
    known, [trial, unseen] = played(circling, [22, 23])
    story = play_story(circling, 22, 3)
    beliefs = trial["beliefs"]
    np.testing.assert_allclose(beliefs["errors"], story.beliefs.errors, atol=1e-4)
    fall = 1 - story.beliefs.errors[-1] / story.beliefs.errors[0]
    assert sum(beliefs["gained"]) == pytest.approx(fall, abs=1e-3)
    np.testing.assert_allclose(beliefs["shares"], story.beliefs.confidence, atol=1e-3)
    assert known["ids"] == list(circling.family.train_ids)
    assert (trial["kind"], unseen["kind"]) == ("training", "unseen")
    assert unseen["beliefs"]["errors"] is unseen["beliefs"]["gained"] is None
    explored, used = trial["explored"], trial["exploited"]
    assert explored["end"] == "stopped"
    assert used["end"] == "terminated"
    assert len(explored["places"]) == len(explored["actions"]) + 1 == 8
    assert used["places"][-1] == trial["goal_place"] == tuple(story.goal)
    assert sum(used["rewards"]) == pytest.approx(float(story.exploitation.episode_return))
    assert explored["alternatives"] is None


def test_beliefs_lie_among_the_encodings_as_they_do_in_full(circling):
    known, [trial] = played(circling, [22])
    every = np.array([*known["points"], *trial["beliefs"]["points"]])
    encodings = circling.known.encodings
    means = play_story(circling, 22, 3).beliefs.means
    flat = plane(encodings)
    both = np.concatenate([encodings, means]) - flat.mean
    np.testing.assert_allclose(every, both @ flat.axes.T, atol=1e-3)
    shown = np.square((encodings - flat.mean) @ flat.axes.T).sum(0)
    whole = np.square(encodings - flat.mean).sum()
    np.testing.assert_allclose(flat.variance, shown / whole, atol=1e-3)
    assert flat.variance[0] >= flat.variance[1] > 0


def test_a_plane_of_encodings_with_one_number():
    flat = plane(np.array([[0.0], [1.0], [3.0]]))
    assert flat.variance == (1.0, 0.0)
    assert {y for _, y in flat.points(np.array([[0.0], [2.0]]))} == {0.0}


def test_every_decision_has_its_alternatives(untrained):
    known, found = played(untrained, [1, 2, 3])
    for trial in found:
        explored, worth = trial["explored"], trial["beliefs"]["worth"]
        decisions = len(explored["actions"]) + (explored["end"] == "stopped")
        assert len(explored["alternatives"]) == len(worth) == decisions
        for episode in (explored, trial["exploited"]):
            np.testing.assert_allclose(np.sum(episode["alternatives"], -1), 1, atol=0.01)
            names = boards.view(untrained.family, [1])["actions"]
            for row, action in zip(episode["alternatives"], episode["actions"], strict=False):
                assert row[names.index(action)] >= max(row) - 1e-3
        assert (explored["end"] == "stopped") == (worth[-1] <= 0)
    assert len(known["ids"]) == len(untrained.family.train_ids)


def test_another_belief_is_that_of_the_other_trial(untrained):
    _, found = played(untrained, [1, 2])
    assert [[swap["problem"] for swap in trial["swaps"]] for trial in found] == [[2], [1]]
    first, second = (play_story(untrained, problem, 3) for problem in (1, 2))
    again = exploit_on(untrained, first, second.beliefs).trajectory
    swapped = found[0]["swaps"][0]["exploited"]
    np.testing.assert_allclose(swapped["rewards"], again.rewards, atol=1e-4)
    assert swapped["actions"] == [str(a) for a in again.actions]


def test_problems_of_both_kinds_are_chosen():
    family = dreamrl.make("distracting-bus")
    chosen = choose(family, 6, 0)
    assert len(set(chosen)) == 6
    assert [i in family.train_ids for i in chosen] == [False] * 3 + [True] * 3
    assert choose(family, 6, 0) == chosen != choose(family, 6, 1)
    assert sorted(choose(dreamrl.make("tabular-didactic"), 20, 0)) == list(range(8))


def test_a_board_has_each_line_once_and_problems_have_theirs():
    family = dreamrl.make("bus")
    drawn = boards.board(family, [0, 5])
    assert len(drawn["lines"]) == len(set(drawn["lines"]))
    for problem_id in (0, 5):
        drawing = family.drawing(family.problem(jnp.array(problem_id)))
        lines, marks = drawn["problems"][str(problem_id)]
        assert [drawn["lines"][i][:4] for i in lines] == [(*x.start, *x.end) for x in drawing.lines]
        assert [drawn["marks"][i][:2] for i in marks] == [mark.position for mark in drawing.marks]
    assert all(len(color) == 7 and color[0] == "#" for *_, color in drawn["lines"])


def test_pictures_are_small_images_and_other_observations_are_none():
    [one] = boards.pictures(Image(4, 6), np.zeros((1, 4, 6, 3), np.uint8))
    assert one.startswith("data:image/png;base64,")
    assert len(one) < 200
    assert boards.pictures(dreamrl.make("bus").observation_space, np.zeros((1, 3), int)) is None


def test_however_many_trials_there_are_few_programs_are_compiled(fake, caplog):
    """One explores, one exploits, one explores for the posterior; 53 took a report 14 s."""
    bus = dreamrl.make("bus")

    class Elsewhere(type(bus)):
        """Of which nothing has been compiled yet."""

    algorithm = registry.make_trainer("fake", Elsewhere(bus.name), fake())
    agent = prepare(algorithm.family, algorithm, algorithm.init(jax.random.key(0)))
    with jax.log_compiles():
        played(agent, [2, 3, 5, 7])
    compiled = [r.message for r in caplog.records if r.message.startswith("Compiling ")]
    assert 3 <= len(compiled) <= 5
