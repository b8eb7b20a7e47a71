"""XLand-MiniGrid's environments as a family: a problem is a ruleset."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Scalar

from dreamrl.errors import UserError, unknown
from dreamrl.families.one_goal import ONE_GOAL, the_goal
from dreamrl.families.optional_deps import held_out, needs
from dreamrl.families.privileged import entries_of, said_of, what_differs
from dreamrl.spaces import Discrete, Tiles
from dreamrl.types import Action, Goal, Key, State, Step

needs("xminigrid", "xminigrid")

import xminigrid  # noqa: E402
from xminigrid.core.constants import NUM_COLORS, NUM_TILES, TILES_REGISTRY, Colors  # noqa: E402
from xminigrid.core.constants import Tiles as Shapes  # noqa: E402
from xminigrid.core.goals import AgentHoldGoal, AgentNearGoal  # noqa: E402
from xminigrid.core.rules import EmptyRule  # noqa: E402
from xminigrid.types import RuleSet, TimeStep  # noqa: E402

_SHAPES = (Shapes.BALL, Shapes.SQUARE, Shapes.PYRAMID, Shapes.KEY)
_COLORS = (Colors.RED, Colors.GREEN, Colors.BLUE, Colors.YELLOW)
_MORE = (Colors.PURPLE, Colors.ORANGE, Colors.WHITE, Colors.PINK)
MIXED = tuple((shape, color) for shape in _SHAPES for color in _COLORS)
"""16 objects, of four shapes and four colours."""
BALLS = tuple((Shapes.BALL, color) for color in _COLORS + _MORE)
"""8 objects, of as many colours."""


class XMiniGridFamily:
    """An environment of XLand-MiniGrid, whose problems are rulesets: what is there, what pays.

    An episode terminates where the ruleset's goal is reached, in the exploration too: only the
    reward, and that end, show the goal. It is truncated after `horizon` steps. Where the objects
    and the agent begin is drawn anew for each episode. Observed are shape and colour of each tile
    in view and, as the environment itself does not show them, the agent's direction and what it
    carries.
    """

    end_action = None
    goal_space = ONE_GOAL
    sample_goal = staticmethod(the_goal)
    action_names = ("forward", "right", "left", "pick up", "put down", "toggle")

    def __init__(
        self,
        env: str,
        rulesets: RuleSet,
        test_ids: Sequence[int] = (),
        horizon: int = 50,
        name: str | None = None,
        described: bool = False,
        **params: Any,
    ):
        """Bring an environment: `env` is a name that xminigrid knows, as `XLand-MiniGrid-R1-9x9`.

        `rulesets` has a leading axis: the i-th makes the problem with the ID i. Those of
        `test_ids` are held out of training. `described` tells agents what differs between the
        rulesets in place of the IDs (in training only), so that what is learned of one helps with
        others like it. `params` are the environment's own, as `view_size=7`.
        Raises UserError for what does not fit.
        """
        if env not in xminigrid.registered_environments():
            raise unknown("xminigrid environment", env, xminigrid.registered_environments())
        if horizon < 1:
            raise UserError(f"horizon must be at least 1, is {horizon}")
        try:
            self.env, self.params = xminigrid.make(env, **params, max_steps=horizon)
        except TypeError as error:
            raise UserError(f"{env}: {error}") from None
        if not hasattr(self.params, "ruleset"):
            raise UserError(f"{env} has no rulesets: take one whose name begins with XLand")
        lengths = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(rulesets)}
        if len(lengths) != 1 or () in lengths:
            raise UserError("rulesets must have a leading axis, one and the same in all arrays")
        self.rulesets = rulesets
        # Made of hundreds of operations, which nobody wants to call one by one.
        self._begin, self._advance = jax.jit(self.env.reset), jax.jit(self.env.step)
        self.train_ids, self.test_ids = held_out(lengths.pop()[0], test_ids)
        self.name, self.horizon = name or env, horizon
        if described:
            self._features = what_differs(np.asarray(jax.vmap(entries_of)(rulesets)))
            self.describe = self._description
        self.action_space = Discrete(self.env.num_actions(self.params))
        kinds = (NUM_TILES, NUM_COLORS)
        self.observation_space = Tiles(self.params.view_size**2, kinds, (4, *kinds))

    def problem(self, problem_id: Int[Scalar, ""]) -> RuleSet:
        return jax.tree.map(lambda leaf: jnp.asarray(leaf)[problem_id], self.rulesets)

    def reset(self, key: Key, problem: RuleSet) -> tuple[State, Int[Array, " entries"]]:
        first = self._begin(self.params.replace(ruleset=problem), key)
        # Of the key nothing is read after the reset.
        return first.state.replace(key=()), _observe(first)

    def step(
        self, key: Key, problem: RuleSet, goal: Goal, state: State, action: Action
    ) -> tuple[State, Step]:
        blank: Any = None
        timestep = TimeStep(state, blank, blank, blank, blank)
        next_timestep = self._advance(self.params.replace(ruleset=problem), timestep, action)
        state = jax.tree.map(
            lambda new, old: jnp.asarray(new, old.dtype), next_timestep.state, state
        )
        # The discount tells the end of the goal from that of the time.
        terminated = next_timestep.last() & (next_timestep.discount == 0)
        truncated = next_timestep.last() & ~terminated
        return state, Step(_observe(next_timestep), next_timestep.reward, terminated, truncated)

    def _description(self, problem_id: Int[Scalar, ""]) -> Float[Array, " features"]:
        """Return what differs between rulesets: for each value of an entry, whether it has it."""
        return said_of(entries_of(self.problem(problem_id)), self._features)


def hidden_objects(
    number: int,
    objects: int = 3,
    goal: Literal["reach", "hold"] = "reach",
    among: Sequence[tuple[int, int]] = MIXED,
    seed: int = 0,
) -> RuleSet:
    """Return `number` rulesets, all different: one of several objects pays, and nothing tells.

    The objects are drawn from `among`, pairs of xminigrid's tiles and colours; `reach` pays for
    moving next to the right one, `hold` for picking it up. Each set of objects makes as many
    rulesets, side by side, as it has objects, with each the right one in turn: so what lies there
    never tells, if `number` is a multiple of `objects`. Raises UserError where there are not so
    many.
    """
    if number < 1:
        raise UserError(f"number must be at least 1, is {number}")
    if not 1 <= objects <= len(among):
        raise UserError(f"objects must be from 1 to {len(among)}, is {objects}")
    sets = math.comb(len(among), objects)
    if number > sets * objects:
        raise UserError(f"there are not {number} rulesets of {objects} objects: ask for fewer")
    rng = np.random.default_rng(seed)
    groups: dict[tuple[int, ...], None] = {}
    while len(groups) * objects < number:
        groups[tuple(sorted(rng.choice(len(among), objects, replace=False).tolist()))] = None
    kind = AgentNearGoal if goal == "reach" else AgentHoldGoal
    tiles = [np.asarray(TILES_REGISTRY)[shape, color] for shape, color in among]
    goals, contents = [], []
    each = [(right, all_) for all_ in groups for right in all_]
    for right, all_ in each[:number]:
        goals.append(kind(tile=tiles[right]).encode())
        contents.append([tiles[i] for i in all_])
    rules = jnp.tile(EmptyRule().encode(), (number, 1, 1))
    return RuleSet(goal=jnp.stack(goals), rules=rules, init_tiles=jnp.asarray(np.array(contents)))


def _observe(timestep: TimeStep) -> Int[Array, " entries"]:
    agent = timestep.state.agent
    tiles = jnp.asarray(timestep.observation).reshape(-1)
    return jnp.concatenate([tiles, agent.direction[None], agent.pocket]).astype(jnp.int32)
