"""A trial of `paddle`, drawn: the game beside the report of its bugs."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from PIL import Image

import dreamrl
from dreamrl.deploy import TrainedAgent
from dreamrl.families.paddle import BUG_NAMES, Bug
from dreamrl.figures.paddle import BALL, RIGHT, WRONG
from dreamrl.figures.trial import draw_trial, scene_of
from dreamrl.story import play_story
from dreamrl.trial import Choice
from dreamrl.types import Belief

PROGRAM = 1 << Bug.NO_NEW_BALL | 1 << Bug.SWAPPED
STEPS = 8


class Waits(eqx.Module):
    """Watches the first ball fall, then finds fault with everything but the last."""

    def init_exploration(self):
        return jnp.array(0)

    def explore(self, carry, percept, key):
        return carry + 1, Choice(jnp.array(2), carry >= STEPS)

    def beliefs(self, exploration):
        return Belief(jnp.zeros((len(exploration.observations), 3)))

    def init_exploitation(self, belief, episode, key):
        return jnp.array(0)

    def exploit(self, carry, percept, goal, key):
        return carry + 1, Choice((carry < 7).astype(jnp.int32))


@pytest.fixture
def play():
    def played(encodings):
        agent = TrainedAgent(dreamrl.make("paddle"), Waits(), encodings)
        return scene_of(play_story(agent, PROGRAM))

    return played


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_the_game_is_shown_as_it_was_seen(play):
    scene, figure = play(None), Figure()
    axes = figure.subplots()
    scene.walk(axes, 6, exploring=True)
    balls = [patch for patch in axes.patches if isinstance(patch, Circle)]
    (ball,) = [patch for patch in balls if patch.get_facecolor() == to_rgba(BALL)]
    assert ball.center == (4, 0)
    assert [patch.center for patch in balls if patch is not ball] == [(4, 3), (4, 2), (4, 1)]
    assert axes.get_title() == "exploration, step 6: stay"
    axes = figure.subplots()
    scene.walk(axes, 7, exploring=True)
    assert texts(axes) == ["no ball"]


def test_the_report_says_what_is_right_and_what_is_true(play):
    scene, figure = play(None), Figure()
    scene.frame(figure, STEPS, 8)
    _, report, _ = figure.axes
    said = {text.get_text(): text.get_color() for text in report.texts}
    assert set(BUG_NAMES) < set(said)
    verdicts = [(t.get_text(), t.get_color()) for t in report.texts if t.get_position()[0] == 0.76]
    # Both bugs that are there: the first is found, the last is not.
    assert verdicts[1:] == [("bug", RIGHT), *[("bug", WRONG)] * 6, ("works", WRONG)]
    true = [text.get_text() for text in report.texts if text.get_position()[0] == 0.93]
    assert true[1:] == ["bug", *["works"] * 6, "bug"]
    scene.frame(figure := Figure(), STEPS, 2)
    assert len(figure.axes[1].texts) == 2 + 8 + 2 * 2


def test_beliefs_are_those_of_the_programs_that_come_near(play):
    # All encodings are the same, so that all programs of training are as likely.
    scene, figure = play(np.zeros((192, 3), np.float32)), Figure()
    np.testing.assert_allclose(scene.believed, 0.5, atol=1e-6)
    scene.frame(figure, 3, None)
    assert figure.axes[1].get_title() == "report"
    np.testing.assert_allclose([bar.get_width() for bar in figure.axes[1].patches], 0.32, atol=1e-6)


def test_a_figure_has_a_picture_for_each_step(play, tmp_path):
    scene = play(None)
    (strip,) = scene.strips()
    assert strip.steps == scene.story.beliefs.steps == STEPS
    axes = Figure().subplots()
    strip.draw(axes, 7)
    assert (axes.get_title(), texts(axes)) == ("7 stay", ["no ball"])
    with Image.open(draw_trial(scene, tmp_path / "trial.png")) as image:
        assert image.width > 1000
