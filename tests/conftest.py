"""Compiled programs are kept between test runs, and a fake algorithm spares most of them."""

import dataclasses
import gc
import os
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float, Int

from dreamrl import runs
from dreamrl.agents import registry
from dreamrl.agents.method import Method
from dreamrl.agents.settings import Budget
from dreamrl.configuration import Range, changed, check_ranges
from dreamrl.errors import UserError
from dreamrl.families.family import Family
from dreamrl.families.grid import GridAction
from dreamrl.training import RUN_OFTEN
from dreamrl.trial import Choice
from dreamrl.types import Belief, Key

# Most of what tests compile runs once: read by XLA when it compiles the first program, below.
# Without fusion emitters, DREAM's iteration compiles in a third of the time.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
    " --xla_llvm_disable_expensive_passes=true --xla_cpu_parallel_codegen_split_count=1",
)
# Tracing makes many objects, and what there is stays: looking for waste takes an eighth of it.
gc.set_threshold(50_000, 20, 50)

# Seeds are spread over them.
jax.config.update("jax_num_cpu_devices", 4)


def pytest_sessionstart():
    jnp.zeros(1).block_until_ready()


CACHE = Path(__file__).parent.parent / ".cache" / "jax"

jax.config.update("jax_compilation_cache_dir", str(CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


@pytest.fixture(autouse=True)
def _time_to_learn(request, monkeypatch):
    """With fewer flags of the tests' own, `training` compiles well what learns for long."""
    if request.node.get_closest_marker("learns"):
        monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")


@pytest.fixture(scope="session")
def well_compiled():
    """(function, *inputs) -> outputs, of a program that runs long: it takes longer to compile."""

    def run(function, *inputs):
        return jax.jit(function).lower(*inputs).compile(compiler_options=RUN_OFTEN)(*inputs)

    return run


@pytest.fixture(scope="session")
def pump_run(tmp_path_factory):
    """A run of seconds on the built-in diagnosis, of an agent that does all tests."""
    out = tmp_path_factory.mktemp("runs") / "pump"
    from tests.diagnoses import SMALL

    settings = changed(registry.settings_for("dream"), {**SMALL, "stop": "never"})
    runs.ensure(out, "dream", "diagnosis", settings, (0,), runs.Terms(1, 1, 8))
    return out


class FakeParams(NamedTuple):
    table: Float[Array, "ids 4"]
    logits: Float[Array, " actions"]


class FakeState(NamedTuple):
    params: FakeParams
    key: Key
    iteration: Int[Array, ""]


class FakeAgent(eqx.Module):
    """Rides in circles: its carry counts steps, its belief sums what it saw."""

    logits: Array

    def init_exploration(self):
        return jnp.array(0)

    def explore(self, carry, percept, key):
        return carry + 1, Choice((self.logits.argmax() + carry) % 6, carry >= 7)

    def beliefs(self, exploration):
        seen = exploration.observations[:, :3].sum(-1, keepdims=True) * jnp.ones(4)
        return Belief(jnp.cumsum(seen, 0) / 100)

    def init_exploitation(self, belief, episode, key):
        return belief.mean

    def exploit(self, carry, percept, goal, key):
        away = goal[:2] - percept.observation[:2]
        sideways = jnp.where(away[0] < 0, GridAction.LEFT, GridAction.RIGHT)
        upright = jnp.where(away[1] < 0, GridAction.DOWN, GridAction.UP)
        return carry, Choice(jnp.where(away[0] != 0, sideways, upright))


@dataclasses.dataclass(frozen=True)
class FakeSettings:
    """Settings of the fake."""

    budget: Budget = Budget(iterations=6, trials=4)
    rate: float = 0.5
    """How much is learned."""
    mode: Literal["fast", "slow"] = "fast"
    """How it is learned."""
    break_at: int = 0
    """Iteration at which a loss is not finite; 0: never."""
    break_seed: Annotated[int, Range(-1)] = -1
    """Seed whose loss that is; -1: of all."""
    spoil: bool = False
    """Whether the parameters are then not finite, and the loss is."""

    def __post_init__(self):
        if not 0 <= self.rate <= 1:
            raise UserError(f"rate must be from 0 to 1, is {self.rate}")
        check_ranges(self)


@dataclasses.dataclass(frozen=True)
class FakeAlgorithm:
    """Learns nothing, but walks straight to the goal; quick to compile."""

    family: Family
    settings: FakeSettings

    def init(self, key):
        key, key_table, key_logits = jax.random.split(key, 3)
        table = jax.random.normal(key_table, (1 + max(self.family.train_ids), 4))
        logits = jax.random.normal(key_logits, (self.family.action_space.n,))
        return FakeState(FakeParams(table, logits), key, jnp.array(0))

    def iterate(self, state):
        key, noise = jax.random.split(state.key)
        iteration = state.iteration + 1
        broken = (iteration == self.settings.break_at) & self._breaks(state)
        moved = self.settings.rate * jax.random.normal(noise, state.params.table.shape)
        table = jnp.where(broken, jnp.nan, state.params.table + moved)
        told = jnp.where(broken & (not self.settings.spoil), 1.0, 0.0)
        metrics = {
            "steps": jnp.array(10.0),
            "finite": 1.0 - told,
            "bad_decoder": told,
            "bad_exploration": jnp.array(0.0),
            "information": iteration / 10,
            "collapsed": jnp.array(0.0),
        }
        return FakeState(FakeParams(table, state.params.logits), key, iteration), metrics

    def _breaks(self, state):
        """Whether this is the seed that breaks: its logits never change."""
        if self.settings.break_seed < 0:
            return True
        first = self.init(jax.random.key(self.settings.break_seed))
        return jnp.allclose(state.params.logits, first.params.logits)

    def agent(self, state):
        return FakeAgent(state.params.logits)

    def encode(self, state, problem_id):
        return state.params.table[problem_id.value]


@pytest.fixture
def fake(monkeypatch):
    """An algorithm that does nothing much, under the name `fake`; gives its settings' type."""
    presets = {"default": FakeSettings(), "long": FakeSettings(Budget(iterations=500, trials=4))}
    made = Method(FakeSettings, FakeAlgorithm, presets)
    monkeypatch.setitem(registry.METHODS, "fake", made)
    return FakeSettings
