"""A trial of `sign`, drawn: what the agent saw, where it went, what it believed."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array
from matplotlib.figure import Figure
from PIL import Image

import dreamrl
from dreamrl.deploy import TrainedAgent
from dreamrl.families.sign.world import Pose
from dreamrl.figures.sign import _distance_to_wall
from dreamrl.figures.trial import animate_trial, draw_trial, scene_of
from dreamrl.story import Story, play_story
from dreamrl.trial import Choice
from dreamrl.types import Belief

LEFT, RIGHT, AHEAD, END = range(4)
RED = 1


class Scripted(eqx.Module):
    """Turns, strides, turns back, and then knows enough; exploits by one turn and the end."""

    ways: Array

    def init_exploration(self):
        return jnp.array(0)

    def explore(self, carry, percept, key):
        return carry + 1, Choice(self.ways[0, carry], carry >= 3)

    def beliefs(self, exploration):
        seen = jnp.arange(len(exploration.observations), dtype=jnp.float32)
        return Belief(seen[:, None] * jnp.array([0.0, 1 / 3, 0.0]))

    def init_exploitation(self, belief, episode, key):
        return jnp.array(0)

    def exploit(self, carry, percept, goal, key):
        return carry + 1, Choice(self.ways[1, carry])


@pytest.fixture
def play():
    family = dreamrl.make("sign", height=12, width=16)
    agent = Scripted(jnp.array([[LEFT, AHEAD, RIGHT, END], [RIGHT, END, END, END]]))
    return lambda encodings: play_story(TrainedAgent(family, agent, encodings), RED)


@pytest.fixture
def story(play):
    return play(np.eye(3, dtype=np.float32))


def shown(figure: Figure) -> dict:
    """The GIF's panels: what a person and the agent see, the map, the belief, the knowledge."""
    return {axes.get_label(): axes for axes in figure.axes}


def test_states_are_those_that_led_to_what_was_seen(story):
    family = story.family
    problem = family.problem(jnp.array(RED))
    for exploring, episode in ((True, story.beliefs.trajectory), (False, story.exploitation)):
        states = story.states(exploring)
        assert len(states) == len(episode.actions) + 1
        for state, picture in zip(states, episode.observations, strict=True):
            np.testing.assert_array_equal(family.observe(problem, state), picture)


def test_a_frame_shows_one_moment(story):
    scene, figure = scene_of(story), Figure()
    scene.frame(figure, 2, None)
    panels = shown(figure)
    picture = panels["given"].images[0].get_array()
    np.testing.assert_array_equal(picture, story.beliefs.trajectory.observations[2])
    here = [state.pose.position for state in story.states(True)[:3]]
    np.testing.assert_array_equal(panels["map"].lines[0].get_xydata(), np.array(here))
    assert np.linalg.norm(here[2] - here[1]) == pytest.approx(0.7, rel=1e-4)
    assert panels["map"].get_title() == "exploration, step 2: forward"
    names = [label.get_text() for label in panels["belief"].get_yticklabels()]
    assert names == ["BLUE", "RED", "GREEN"]
    bars = [bar.get_width() for bar in panels["belief"].patches[3:]]
    np.testing.assert_allclose(bars, story.beliefs.confidence[2])
    np.testing.assert_allclose(panels["known"].lines[1].get_ydata(), [0, 5 / 9, 8 / 9], rtol=1e-5)


def test_exploitation_is_shown_with_its_goal_and_what_was_believed_last(story):
    figure = Figure()
    scene_of(story).frame(figure, 3, 1)
    panels = shown(figure)
    picture = panels["given"].images[0].get_array()
    np.testing.assert_array_equal(picture, story.exploitation.observations[1])
    kind = ("box", "key")[int(story.goal)]
    words = f"exploitation, step 1: turn right, return 0.0\ngoal: the {kind} of the sign's colour"
    assert panels["map"].get_title() == words
    bars = [bar.get_width() for bar in panels["belief"].patches[3:]]
    np.testing.assert_allclose(bars, story.beliefs.confidence[3])


def test_figures_have_a_picture_for_each_step(story, tmp_path):
    scene = scene_of(story)
    with Image.open(draw_trial(scene, tmp_path / "trial.png")) as image:
        assert image.width > 1000
    with Image.open(animate_trial(scene, tmp_path / "trial.gif")) as film:
        assert film.n_frames == 4 + 3


def test_an_agent_without_an_encoder_is_drawn_without_bars(play, tmp_path):
    scene, figure = scene_of(play(None)), Figure()
    scene.frame(figure, 3, None)
    assert not shown(figure)["belief"].axison
    assert "believed" not in scene.strips()[0].title
    assert draw_trial(scene, tmp_path / "trial.png").exists()


@pytest.mark.parametrize("jitter", [0.0, 0.2])
def test_what_can_be_read_is_framed(jitter, monkeypatch):
    """By where the agent stands, as colours may vary."""
    family = dreamrl.make("sign", height=30, width=40, jitter=jitter)
    agent = Scripted(jnp.array([[LEFT, AHEAD, RIGHT, END], [RIGHT, END, END, END]]))
    story = play_story(TrainedAgent(family, agent, np.eye(3, dtype=np.float32)), RED)

    def title() -> str:
        scene_of(story).frame(figure := Figure(), 1, None)
        return shown(figure)["view"].get_title()

    assert title() == "from the agent's place"
    played, before = Story.states, Pose(jnp.array([7.5, 10.25]), jnp.array(0.0))
    monkeypatch.setattr(
        Story, "states", lambda *which: [s._replace(pose=before) for s in played(*which)]
    )
    assert title() == "from the agent's place: the sign can be read"


def test_the_view_ends_at_walls():
    east, south = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    assert _distance_to_wall(np.array([4.0, 3.0]), east) == pytest.approx(6)
    assert _distance_to_wall(np.array([8.0, 3.0]), south) == pytest.approx(3.5), (
        "the wall between the rooms"
    )
    assert _distance_to_wall(np.array([4.0, 3.0]), south) == pytest.approx(10), (
        "through the passage"
    )


def test_that_the_agent_stopped_is_said(story):
    scene_of(story).walk(axes := Figure().subplots(), 3, exploring=True)
    assert axes.get_title() == "exploration, step 3: turn right; stops here"
