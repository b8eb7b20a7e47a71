"""An agent of `sign` in the original: Farama Miniworld's own `Sign`, in rooms drawn by OpenGL.

It needs `pip install 'dreamrl[miniworld]'`, and OpenGL without a screen: docs/miniworld.md.
"""

import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, UInt8

from dreamrl.deploy.agent import TrainedAgent
from dreamrl.errors import UserError
from dreamrl.evaluation import spread
from dreamrl.families.optional_deps import needs
from dreamrl.families.sign import Sign
from dreamrl.families.sign.view import readable
from dreamrl.families.sign.world import OBJECTS, Pose

needs("miniworld", "miniworld")

import pyglet  # noqa: E402


def _cannot_draw(error: Exception) -> UserError:
    return UserError(
        f"Miniworld cannot draw here ({type(error).__name__}: {error}): on Debian, apt install "
        "libegl1 libgl1 libglu1-mesa libgl1-mesa-dri; a DISPLAY that nothing serves must be unset"
    )


# Must be said before Miniworld opens a window, which it does when it is imported.
pyglet.options["headless"] = not os.environ.get("DISPLAY")
try:
    import miniworld.envs.sign
except Exception as error:
    raise _cannot_draw(error) from error


class Original:
    """Miniworld's `Sign` as an `Environment`, with pictures as large as a family's.

    One of them serves for many episodes, as each window takes memory of its own: `begin` says what
    the next one is. Without a goal it is an exploration, which pays nothing.
    """

    def __init__(self, family: Sign):
        self.family = family
        try:
            self.world = miniworld.envs.sign.Sign(
                max_episode_steps=family.horizon, obs_height=family.height, obs_width=family.width
            )
        except Exception as error:
            raise _cannot_draw(error) from error
        size = family.height, family.width
        turns = jnp.zeros(len(OBJECTS))
        self._readable = jax.jit(lambda word, pose: readable(word, pose, turns, *size))
        self.begin(0)

    def begin(self, word: int, goal: int | None = None, seed: int = 0) -> None:
        """Say what the next episode is: its word (0 BLUE, 1 RED, 2 GREEN), its goal, its seed."""
        self.word, self.goal, self.seed = word, goal, seed
        self.sign_read = False

    def reset(self) -> UInt8[np.ndarray, "height width 3"]:
        self.world.set_color_index(self.word)
        return self._show(self.world.reset(seed=self.seed)[0])

    def step(self, action: Any) -> tuple[UInt8[np.ndarray, "height width 3"], float, bool, bool]:
        """Return observation, reward, terminated, truncated."""
        self.world._goal = 0 if self.goal is None else self.goal
        observation, reward, terminated, truncated, _ = self.world.step(int(action))
        # Miniworld pays for a touch in an exploration, too, and for nothing else.
        payoff = float(reward) if self.goal is not None and terminated else 0.0
        return self._show(observation), payoff, bool(terminated), bool(truncated and not terminated)

    @property
    def pose(self) -> Pose:
        x, _, z = self.world.agent.pos
        return Pose(jnp.array([x, z], jnp.float32), jnp.float32(self.world.agent.dir))

    def _show(self, observation: Any) -> UInt8[np.ndarray, "height width 3"]:
        # Read off our own picture from the same place: colours here are not the same.
        self.sign_read |= bool(self._readable(self.word, self.pose))
        return np.asarray(observation["obs"], np.uint8)


class Found(NamedTuple):
    """An agent's results in the original, trial by trial."""

    returns: Float[np.ndarray, " trials"]
    lengths: Int[np.ndarray, " trials"]
    """Steps of the exploration."""
    signs_read: Float[np.ndarray, " trials"]


def evaluate_there(agent: TrainedAgent, trials: int = 200, seed: int = 0) -> Found:
    """Return trials in Miniworld with greedy policies; words in turn, goals drawn.

    Raises UserError where the agent was not trained on `sign`, or Miniworld cannot draw.
    """
    if not isinstance(agent.family, Sign):
        raise UserError(f"an agent of {agent.family.name!r} knows nothing of sign's pictures")
    world, rows = Original(agent.family), []
    goals = np.random.default_rng(seed).integers(2, size=trials)
    for i, (word, goal) in enumerate(
        zip(spread(agent.family.test_ids, trials, seed), goals, strict=True)
    ):
        first = 2 * (seed * trials + i)
        world.begin(int(word), None, first)
        belief = agent.explore(world)
        sign_read = world.sign_read
        world.begin(int(word), int(goal), first + 1)
        result = agent.exploit(world, goal, belief).episode_return
        rows.append((float(result), belief.steps, float(sign_read)))
    return Found(*map(np.array, zip(*rows, strict=True)))
