"""Environments of gymnax as a family: a problem is what sets their parameters."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Scalar

from dreamrl.errors import UserError, unknown
from dreamrl.families.one_goal import ONE_GOAL, the_goal
from dreamrl.families.optional_deps import held_out, needs
from dreamrl.types import Action, Goal, Key, Observation, State, Step

needs("gymnax", "gymnax")

import gymnax  # noqa: E402
from gymnax.environments.spaces import gymnax_space_to_gym_space  # noqa: E402

from dreamrl.families.gym.spaces import actions, observations  # noqa: E402

Values = dict[str, Array]


class GymnaxState(NamedTuple):
    inner: State
    steps: Int[Array, ""]


class GymnaxFamily:
    """An environment of gymnax, whose problems differ in its parameters.

    Nothing resets by itself: the environment's own `step_env` is called. It says what terminated
    an episode; at its limit `max_steps_in_episode`, and after `horizon` steps, an episode is
    truncated. Actions of a Box are from -1 to 1, and are stretched to the environment's bounds.
    """

    end_action = None
    goal_space = ONE_GOAL
    sample_goal = staticmethod(the_goal)

    def __init__(
        self,
        env: str | Any,
        parameters: Mapping[str, Any],
        test_ids: Sequence[int] = (),
        horizon: int | None = None,
        name: str | None = None,
        described: bool = False,
    ):
        """Bring an environment: `env` is a name that gymnax knows, or one of its environments.

        `parameters` has an array of values, one a problem, for each parameter that differs: the
        i-th values make the problem with the ID i. Those of `test_ids` are held out of training.
        The horizon is the environment's own limit if it is not given. `described` tells agents
        the parameters, each scaled to -1..1, in place of the IDs (in training only).

        Raises UserError for what does not fit.
        """
        try:
            self.env = gymnax.make(env)[0] if isinstance(env, str) else env
        except ValueError:
            raise unknown("gymnax environment", env, gymnax.registered_envs) from None
        self.name = name or self.env.name
        self.params = self.env.default_params
        self.table = _table(self.params, parameters)
        self.train_ids, self.test_ids = held_out(len(next(iter(self.table.values()))), test_ids)
        limit = int(self.params.max_steps_in_episode)
        self.horizon = limit if horizon is None else horizon
        if self.horizon < 1:
            raise UserError(f"horizon must be at least 1, is {horizon}")
        translate = gymnax_space_to_gym_space
        self._observations = observations(translate(self.env.observation_space(self.params)))
        self._actions = actions(translate(self.env.action_space(self.params)))
        self.observation_space, self.action_space = self._observations.space, self._actions.space
        # Made of many operations, which nobody wants to call one by one.
        self._begin, self._advance = jax.jit(self.env.reset_env), jax.jit(self.env.step_env)
        if described:
            self.describe = self._description

    def problem(self, problem_id: Int[Scalar, ""]) -> Values:
        """Return the values of the parameters that differ."""
        return {name: values[problem_id] for name, values in self.table.items()}

    def reset(self, key: Key, problem: Values) -> tuple[GymnaxState, Observation]:
        observation, inner = self._begin(key, self.params.replace(**problem))
        return GymnaxState(inner, jnp.array(0)), self._as_seen(observation)

    def step(
        self, key: Key, problem: Values, goal: Goal, state: GymnaxState, action: Action
    ) -> tuple[GymnaxState, Step]:
        params, adapter = self.params.replace(**problem), self._actions
        if adapter.scale is not None:
            action = jnp.asarray(adapter.start + (action + 1) * adapter.scale, jnp.float32)
        observation, inner, reward, terminated, _ = self._advance(key, state.inner, action, params)
        inner = jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), inner, state.inner)
        state = GymnaxState(inner, state.steps + 1)
        truncated = self.env.is_truncated(inner, params) | (state.steps >= self.horizon)
        terminated = jnp.asarray(terminated, bool)
        reward = jnp.asarray(reward, jnp.float32).reshape(())
        return state, Step(self._as_seen(observation), reward, terminated, truncated & ~terminated)

    def _as_seen(self, observation: Any) -> Observation:
        space = self.observation_space
        return jnp.asarray(observation, space.dtype).reshape(space.shape)

    def _description(self, problem_id: Int[Scalar, ""]) -> Float[Array, " features"]:
        """Return the parameters, each scaled to -1..1."""
        columns = []
        for values in self.table.values():
            flat = values.reshape(len(values), -1)
            low, high = flat.min(0), flat.max(0)
            width = jnp.where(high > low, high - low, 1)
            columns.append(2 * (flat[problem_id] - low) / width - 1)
        return jnp.concatenate(columns).astype(jnp.float32)


def _table(params: Any, parameters: Mapping[str, Any]) -> Values:
    names = [field for field in params.__dataclass_fields__ if field != "max_steps_in_episode"]
    if not parameters:
        raise UserError(f"parameters is empty: give values for some of {', '.join(names)}")
    table = {}
    for name, values in parameters.items():
        if name not in names:
            raise unknown("parameter", name, names)
        default = np.asarray(getattr(params, name))
        array = np.asarray(values)
        if array.ndim != default.ndim + 1 or array.shape[1:] != default.shape or not array.size:
            raise UserError(
                f"parameter {name} needs an array of values, each of shape {default.shape}, "
                f"got one of shape {array.shape}"
            )
        if not np.isfinite(array).all():
            row = int(np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(1))[0])
            raise UserError(f"parameter {name} is {array[row]} in problem {row}")
        table[name] = jnp.asarray(array, jnp.asarray(default).dtype)
    if len({len(values) for values in table.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in table.items())
        raise UserError(f"all parameters need as many values, one a problem: {lengths}")
    return table
