"""`dreamrl.load(RUN)`: a trained agent that explores and exploits wherever it is put."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree, Shaped

from dreamrl import runs
from dreamrl.agents.algorithm import Agent
from dreamrl.agents.dream.stopping import with_stop
from dreamrl.agents.loop import Trainable
from dreamrl.deploy.beliefs import ExplorationRecord, Known, StoredRecord, load_held, stored
from dreamrl.deploy.driver import Driver, checked, drive, without_padding
from dreamrl.deploy.environment import Environment, problem_of
from dreamrl.deploy.episodes import exploitation_of, exploration_of
from dreamrl.deploy.posterior import calibrate
from dreamrl.errors import UserError, without_jax
from dreamrl.evaluation import per_family
from dreamrl.families.adapted import adapted
from dreamrl.families.family import Family, plain_ids
from dreamrl.host import in_own_switches
from dreamrl.trial import blank
from dreamrl.types import Belief, Percept, ProblemID, Trajectory
from dreamrl.values import AnyPath, Whole, seed_from


@in_own_switches
def load(run: AnyPath, family: Family | str | None = None) -> "TrainedAgent":
    """Return the agent of a run's directory, of one seed; a UserError says what is wrong with it.

    Of a run on a user-defined family, `family` is that family, or where it is, as
    `module:attribute` or `path/to/file.py:attribute`; no other code of a run is ever executed.
    """
    runs.tell_family(run, family)
    family, algorithm, state, _ = runs.only(run).load()
    return prepare(family, algorithm, state)


@in_own_switches
def prepare(family: Family, algorithm: Trainable, state: PyTree) -> "TrainedAgent":
    """Return the agent of one seed's training state.

    This is the last place that sees problem IDs: of the encoder only the means go further.
    """
    family = adapted(family)
    ids = ProblemID(jnp.array(family.train_ids))
    encodings = per_family(_encoder, algorithm, soon=True)(state, ids)
    return TrainedAgent(
        family, algorithm.agent(state), None if encodings is None else np.asarray(encodings)
    )


class TrainedAgent:
    """Explores, believes, exploits; greedy, as at meta-test.

    "Where" is an `Environment`, or a problem of the family: its ID or its Problem. The ID goes no
    further than the family; it also tells, for training problems, by how much the beliefs were off.
    """

    def __init__(
        self,
        family: Family,
        agent: Agent,
        encodings: Float[np.ndarray, "problems Z"] | None = None,
    ):
        self.family = family = adapted(family)
        self.agent = agent
        self.known = None
        if encodings is not None:
            fit = functools.partial(calibrate, family, agent, encodings)
            self.known = Known(tuple(plain_ids(family.train_ids)), encodings, fit)
        self._begin_exploring = Program(agent, _begin_exploring)
        self._explore = Program(agent, _explore)
        self._hold = Program(agent, _hold)
        self._begin_exploiting = Program(agent, _begin_exploiting)
        self._exploit = Program(agent, _exploit)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what the agent is made of: programs are compiled where it arrives."""
        encodings = None if self.known is None else self.known.encodings
        return TrainedAgent, (self.family, self.agent, encodings)

    @functools.cached_property
    def fingerprint(self) -> str:
        """A checksum of the agent's parameters."""
        digest = hashlib.sha256(self.family.name.encode())
        for leaf in jax.tree.leaves(eqx.filter(self.agent, eqx.is_array)):
            digest.update(f"{leaf.shape} {leaf.dtype}".encode() + np.asarray(leaf).tobytes())
        return digest.hexdigest()

    def with_stop(self, stop: Any) -> "TrainedAgent":
        """Return the same agent, whose explorations end otherwise: `rule`, `never` or N steps.

        None: as in training.

        Raises:
            UserError: For an agent that has no stop rule, as all but DREAM's.
        """
        if stop is None:
            return self
        encodings = None if self.known is None else self.known.encodings
        return TrainedAgent(self.family, with_stop(self.agent, stop), encodings)

    def explorer(self, seed: Whole = 0, stop: Any = None) -> Driver[ExplorationRecord]:
        """Return a `Driver` for any loop; `explorer.belief` is what `explore` returns.

        `stop` is as in `with_stop`; as in training, if not given.
        """
        if stop is not None:
            return self.with_stop(stop).explorer(seed)
        decide = functools.partial(self._explore, np.uint32(seed_from(seed)))
        return Driver(self.family, self._begin_exploring(), decide, self.read, "the explorer", True)

    def exploiter(
        self, belief: ExplorationRecord, goal: Any, seed: Whole = 0
    ) -> Driver[ExplorationRecord]:
        """Return a `Driver` for any loop; the goal is one of the family's `goal_space`."""
        goal = self._check_goal(goal, belief)
        number = np.uint32(seed_from(seed))
        decide = functools.partial(self._exploit, number, goal)
        memory = self._begin_exploiting(number, belief.held.last)
        belief_of = functools.partial(_known_already, belief)
        return Driver(self.family, memory, decide, belief_of, "the exploiter", False)

    @in_own_switches
    @without_jax()
    def explore(self, where: Any, seed: Whole = 0) -> ExplorationRecord:
        """Play an exploration episode, which ends when the agent knows enough."""
        if isinstance(where, Environment):
            explorer = self.explorer(seed)
            drive(explorer, where)
            return explorer.belief
        problem, key = problem_of(self.family, where), jax.random.key(seed_from(seed))
        episode = per_family(exploration_of, self.family, soon=True)(self.agent, problem, key)
        record = jax.tree.map(np.asarray, episode.record)
        return self.measured(ExplorationRecord(record, self.fingerprint, self.known), where)

    @in_own_switches
    @without_jax()
    def exploit(
        self, where: Any, goal: Any, belief: ExplorationRecord, seed: Whole = 0
    ) -> Trajectory:
        """Play an episode that is asked for `goal`; `.episode_return` is the sum of its rewards.

        An `Environment` knows the goal by itself; a problem is told it.
        """
        if isinstance(where, Environment):
            exploiter = self.exploiter(belief, goal, seed)
            drive(exploiter, where)
            return exploiter.trajectory
        goal = self._check_goal(goal, belief)
        problem, key = problem_of(self.family, where), jax.random.key(seed_from(seed))
        play = per_family(exploitation_of, self.family, soon=True)
        episode = play(self.agent, problem, goal, belief.held.last, key)
        return without_padding(episode.trajectory)

    def _check_goal(self, goal: Any, belief: ExplorationRecord) -> Shaped[np.ndarray, "..."]:
        """Return a goal as training had it; UserError where it, or the belief, is another's."""
        if belief.agent != self.fingerprint:
            raise UserError(
                "this is a belief of another agent, which means nothing to this one: explore anew"
            )
        return checked(self.family.goal_space, goal, "the goal")

    def load_belief(self, path: AnyPath) -> ExplorationRecord:
        """Load what `ExplorationRecord.save` wrote; UserError if it is damaged or another's."""
        template = jax.eval_shape(self._hold, blank(self.family))
        return ExplorationRecord(
            load_held(path, template, self.fingerprint), self.fingerprint, self.known
        )

    def measured(self, belief: ExplorationRecord, where: Any) -> ExplorationRecord:
        """Return beliefs with their errors, if `where` is the ID of a training problem."""
        if self.known is None or not isinstance(where, int | np.integer):
            return belief
        if where not in self.known.ids:
            return belief
        z = self.known.encodings[self.known.ids.index(where)]
        errors = np.square(np.asarray(belief.held.means) - z).sum(-1)
        return dataclasses.replace(belief, held=belief.held._replace(errors=errors))

    def read(self, exploration: Trajectory) -> ExplorationRecord:
        """Return the beliefs that an exploration leaves, given whole: [T], padded."""
        return ExplorationRecord(self._hold(exploration), self.fingerprint, self.known)


class Program:
    """A function of an agent, compiled with the agent's arrays as an input.

    So equal agents share what is compiled; and it can be pickled, which that cannot.
    """

    def __init__(self, agent: Agent, use: Callable[..., Any]):
        self._origin = agent, use
        self._arrays, rest = eqx.partition(agent, eqx.is_array)
        leaves, structure = jax.tree.flatten(rest)
        try:
            self._run = _kept_program(use, structure, tuple(leaves))
        except TypeError:
            # An agent that holds what cannot be hashed is compiled anew each time.
            self._run = _kept_program.__wrapped__(use, structure, tuple(leaves))

    def __call__(self, *inputs: Any) -> Any:
        return self._run(self._arrays, *inputs)

    def __reduce__(self) -> tuple[Any, ...]:
        return Program, self._origin


@functools.lru_cache(maxsize=64)
def _kept_program(
    use: Callable[..., Any], structure: Any, leaves: tuple[Any, ...]
) -> Callable[..., Any]:
    def run(arrays: PyTree, *inputs: Any) -> Any:
        return use(eqx.combine(arrays, jax.tree.unflatten(structure, leaves)), *inputs)

    return in_own_switches(jax.jit(run))


def _encoder(algorithm: Trainable) -> Callable[..., Any]:
    return lambda state, ids: algorithm.encode(state, ids)


def _known_already(belief: ExplorationRecord, trajectory: Trajectory) -> ExplorationRecord:
    return belief


def _begin_exploring(agent: Agent) -> PyTree:
    return agent.init_exploration()


def _explore(
    agent: Agent, seed: Array, carry: PyTree, percept: Percept, step: Array
) -> tuple[PyTree, Array, Array | bool]:
    carry, choice = agent.explore(carry, percept, _key(seed, step))
    return carry, choice.action, choice.stop


def _begin_exploiting(agent: Agent, seed: Array, belief: Belief) -> PyTree:
    # As `play` derives it from the episode's key: apart from the keys of the steps.
    key = jax.random.fold_in(jax.random.key(seed), 2**32 - 1)
    return agent.init_exploitation(belief, 0, key)


def _exploit(
    agent: Agent, seed: Array, goal: Array, carry: PyTree, percept: Percept, step: Array
) -> tuple[PyTree, Array, bool]:
    carry, choice = agent.exploit(carry, percept, goal, _key(seed, step))
    return carry, choice.action, False


def _key(seed: Array, step: Array) -> Array:
    return jax.random.fold_in(jax.random.key(seed), step)


def _hold(agent: Agent, trajectory: Trajectory) -> StoredRecord:
    return stored(trajectory, agent.beliefs(trajectory))
