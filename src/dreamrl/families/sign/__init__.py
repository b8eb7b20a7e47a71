"""Sign: find a sign behind a wall, read which colour it names, and touch the thing asked for.

Liu et al. 2021, section 6, after Kamienny et al. 2020: sparse rewards, seen in pictures alone.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Scalar, UInt8, UInt32

from dreamrl.errors import UserError
from dreamrl.families.memory import check_memory
from dreamrl.families.sign.letters import HANDS
from dreamrl.families.sign.view import render, sign_seen
from dreamrl.families.sign.world import OBJECTS, Pose, move, start, touched, turns
from dreamrl.spaces import Discrete, Image
from dreamrl.types import Goal, Key, Step, Trajectory

SMALLEST = 8
"""Pixels; nothing is to be made out in less."""
NOISE = 1 / 4
"""The most that noise moves a value of a picture, in jitters."""


class SignProblem(NamedTuple):
    color: Int[Array, ""]
    """The word on the sign: 0 BLUE, 1 RED, 2 GREEN."""


class SignState(NamedTuple):
    pose: Pose
    turns: Float[Array, "6"]
    """Headings of the objects, drawn anew in each episode."""
    light: Float[Array, "2 3"]
    """Contrast and brightness of red, green and blue; drawn anew where there is jitter."""
    grain: UInt32[Array, ""]
    """Seed of the noise, and of the hand that wrote the sign; likewise."""
    steps: Int[Array, ""]


@dataclasses.dataclass(frozen=True)
class Sign:
    """3 problems: which colour a sign behind a wall names.

    `height` and `width` are those of the pictures, in pixels. With `jitter` each episode has
    colours of its own: contrast times 1 and brightness raised by 0, each plus or minus up to
    `jitter`, as a share of white, for red, green and blue apart, and a sign in another hand. Each
    picture gets noise, too: in every value up to a quarter of that, up or down.
    The goal is a box (0) or a key (1). Touching the one of the sign's colour pays 1, touching any
    other object costs 1, and both end the episode. An exploration ends likewise, and pays nothing.
    Raises UserError for pictures that no memory holds.
    """

    height: int = 60
    width: int = 80
    jitter: float = 0.0

    name = "sign"
    train_ids = test_ids = (0, 1, 2)
    horizon = 20
    end_action = 3
    action_space = Discrete(4)
    action_names = ("turn left", "turn right", "forward", "end")
    goal_space = Discrete(2)

    def __post_init__(self) -> None:
        for side in ("height", "width"):
            pixels = getattr(self, side)
            if pixels < SMALLEST:
                raise UserError(f"sign: {side} must be {SMALLEST} pixels or more, is {pixels!r}")
        if not 0 <= self.jitter <= 1:
            raise UserError(f"sign: jitter must be from 0 to 1, is {self.jitter!r}")
        check_memory(self)

    @property
    def observation_space(self) -> Image:
        return Image(self.height, self.width)

    def problem(self, problem_id: Int[Scalar, ""]) -> SignProblem:
        return SignProblem(jnp.asarray(problem_id))

    def goals(self, problem: SignProblem) -> tuple[Int[Array, "2"], Float[Array, "2"]]:
        return jnp.arange(2), jnp.full(2, 0.5)

    def sample_goal(self, key: Key, problem: SignProblem) -> Int[Array, ""]:
        return self.goal_space.sample(key)

    def reset(
        self, key: Key, problem: SignProblem
    ) -> tuple[SignState, UInt8[Array, "height width 3"]]:
        key_pose, key_turns = jax.random.split(key)
        light, grain = jnp.array([[1.0] * 3, [0.0] * 3]), jnp.uint32(0)
        if self.jitter:
            key_light, key_grain = jax.random.split(jax.random.fold_in(key, 2))
            grain = jax.random.bits(key_grain)
            light += self.jitter * jax.random.uniform(key_light, light.shape, minval=-1.0)
        headings = turns(key_turns, len(OBJECTS))
        state = SignState(start(key_pose), headings, light, grain, jnp.array(0))
        return state, self.observe(problem, state)

    def step(
        self, key: Key, problem: SignProblem, goal: Goal, state: SignState, action: Int[Array, ""]
    ) -> tuple[SignState, Step]:
        pose, steps = move(state.pose, action), state.steps + 1
        touches = touched(pose.position)
        reward = jnp.array(0.0)
        if goal is not None:
            is_target = jnp.arange(len(OBJECTS)) == 3 * goal + problem.color
            # No two objects stand near enough to be touched at once.
            reward = (touches * jnp.where(is_target, 1.0, -1.0)).sum()
        terminated = touches.any() | (action == self.end_action)
        truncated = (steps >= self.horizon) & ~terminated
        state = SignState(pose, state.turns, state.light, state.grain, steps)
        return state, Step(self.observe(problem, state), reward, terminated, truncated)

    def observe(self, problem: SignProblem, state: SignState) -> UInt8[Array, "height width 3"]:
        size = self.height, self.width
        if not self.jitter:
            return render(problem.color, state.pose, state.turns, *size)
        hand = (state.grain % HANDS).astype(jnp.int32)
        picture = render(problem.color, state.pose, state.turns, *size, hand)
        contrast, brightness = state.light
        key = jax.random.fold_in(jax.random.key(state.grain), state.steps)
        # A number a pixel, cut in three: drawing three takes longer than the picture itself.
        bits = jax.random.bits(key, picture.shape[:2])
        noise = jax.lax.bitcast_convert_type(bits, jnp.uint8)[..., :3] / 127.5 - 1
        offset = brightness + NOISE * self.jitter * noise
        return jnp.clip(picture * contrast + 255 * offset, 0, 255).astype(jnp.uint8)

    def statistics(
        self, problem: SignProblem, exploration: Trajectory
    ) -> dict[str, Float[Array, ""]]:
        """Return `sign_read`: 1 if some picture of the exploration shows enough of the sign.

        `sign_seen` of `dreamrl.families.sign.view` says when that is so, by colours: it is not
        counted where they jitter.
        """
        if self.jitter:
            return {}
        readings = jax.vmap(sign_seen)(exploration.observations) & exploration.seen
        return {"sign_read": readings.any().astype(jnp.float32)}
