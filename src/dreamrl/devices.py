"""Seeds over devices: each trains its share of them, and none knows of the others.

On CPUs a device takes its seeds one after the other, which is as fast as side by side, and makes a
seed's program the same however many there are. Elsewhere all of a device's seeds run side by side.
Where it is asked for, several devices share the trials of each seed (`dreamrl.sharding`).
The environments of a `HasLimit` family are the host's: they stay on one device.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jax.stages import Wrapped
from jaxtyping import PyTree

from dreamrl import processes
from dreamrl.errors import UserError
from dreamrl.families.turns import at_once
from dreamrl.learners.dqn import DQN
from dreamrl.learners.replay import Replay
from dreamrl.sharding import SEEDS, TRIALS, check_shares
from dreamrl.values import Whole, whole

EACH, WHOLE = PartitionSpec(SEEDS), PartitionSpec()


class Devices(NamedTuple):
    """The devices that train."""

    number: int | None = None
    """All there are, if None."""
    per_seed: int = 1
    """Number of them that share the trials of a seed."""


ALL = Devices()


class Layout(NamedTuple):
    """The devices of a training's seeds."""

    mesh: Mesh
    seeds: int
    """Number of seeds."""
    in_turn: bool
    """True if a device takes its seeds one after the other."""

    @property
    def padded(self) -> int:
        """Return how many seeds there would be if every device had equally many."""
        devices = self.mesh.shape[SEEDS]
        return -(-self.seeds // devices) * devices

    def shardings(self, states: PyTree) -> PyTree:
        """Return where each array of the states of all seeds is: a replay is spread further."""

        def node_shardings(node: Any) -> Any:
            specs = jax.tree.map(lambda _: EACH, node)
            if isinstance(node, Replay) and self.mesh.shape[TRIALS] > 1:
                deeper = PartitionSpec(SEEDS, TRIALS)
                specs = specs._replace(items=jax.tree.map(lambda _: deeper, node.items))
            return jax.tree.map(lambda spec: NamedSharding(self.mesh, spec), specs)

        return jax.tree.map(node_shardings, states, is_leaf=lambda node: isinstance(node, Replay))

    def spread(self, states: PyTree) -> PyTree:
        """Return states of all seeds, each on its device; the last one again in places left."""
        missing = self.padded - self.seeds

        def filled(x: Any) -> jax.Array:
            x = jnp.asarray(x)
            return jnp.concatenate([x, jnp.repeat(x[-1:], missing, axis=0)]) if missing else x

        states = jax.tree.map(filled, states)
        if processes.several():
            return processes.spread(states, self.shardings(states))
        return jax.device_put(states, self.shardings(states))

    def placed(self, shapes: PyTree) -> PyTree:
        """Return the shapes of states of all seeds, with where they are."""

        def place(x: Any, sharding: NamedSharding) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding)

        return jax.tree.map(place, shapes, self.shardings(shapes))

    def gathered(self, states: PyTree) -> PyTree:
        """Return the states of the seeds alone, on one device of this process."""
        if self.mesh.size == 1:
            return states
        if processes.several():
            states = processes.whole(states, self.mesh)
        else:
            states = jax.device_put(states, self.mesh.devices.flat[0])
        return jax.tree.map(lambda x: x[: self.seeds], states)

    def read(self, values: PyTree) -> PyTree:
        """Return the values of the seeds alone, as NumPy has them."""
        if processes.several():
            values = processes.whole(values, self.mesh)
        return jax.tree.map(lambda x: np.asarray(x)[: self.seeds], values)

    def each(self, function: Callable[..., PyTree], same: int = 0) -> Wrapped:
        """Return `function`, which takes and returns a leading axis of seeds, for all, jitted.

        Its last `same` inputs have no such axis.
        """

        def local(*inputs: Any) -> PyTree:
            seed_inputs, rest = inputs[: len(inputs) - same], inputs[len(inputs) - same :]
            if not self.in_turn:
                return function(*seed_inputs, *rest)

            def one(seed_inputs: Any) -> PyTree:
                outputs = function(*jax.tree.map(lambda x: x[None], seed_inputs), *rest)
                return jax.tree.map(lambda x: x[0], outputs)

            return jax.lax.map(one, seed_inputs)

        # Callbacks, as of environments on the host, do not work beside an axis that is left to XLA.
        manual = {SEEDS, TRIALS} if self.mesh.shape[TRIALS] == 1 else {SEEDS}

        def all_of(*inputs: Any) -> PyTree:
            specs = (EACH,) * (len(inputs) - same) + (WHOLE,) * same
            outputs = jax.shard_map(
                local,
                mesh=self.mesh,
                in_specs=specs,
                out_specs=EACH,
                axis_names=manual,
                check_vma=False,
            )(*inputs)
            return jax.lax.with_sharding_constraint(outputs, self.shardings(outputs))

        return jax.jit(all_of)


def layout(family: Any, seeds: int, devices: Devices = ALL) -> Layout:
    """Return where so many seeds train; raise UserError where there are too few devices."""
    number, per_seed = check_devices(*devices)
    available = jax.devices()[:number]
    hosted = at_once(family) is not None
    if hosted and per_seed > 1:
        raise UserError(
            "devices_per_seed must be 1 for a family whose environments run on the host: they "
            "stay on one device"
        )
    if processes.several():
        _check_together(hosted, number, per_seed)
        groups = len(available) // per_seed
    else:
        groups = 1 if hosted else min(seeds, len(available) // per_seed)
    mesh_devices = available[: groups * per_seed]
    kinds = (AxisType.Auto, AxisType.Auto)
    mesh = jax.make_mesh(
        (groups, per_seed), (SEEDS, TRIALS), axis_types=kinds, devices=mesh_devices
    )
    return Layout(mesh, seeds, not hosted and mesh_devices[0].platform == "cpu")


def check_devices(number: Whole | None = None, per_seed: Whole = 1) -> Devices:
    """Return how many devices are asked for; raise UserError where there are fewer."""
    count = jax.device_count()
    more = "; JAX_NUM_CPU_DEVICES makes more" if jax.default_backend() == "cpu" else ""
    if number is not None:
        number = whole("devices", number, 1)
        if number > count:
            raise UserError(f"devices must be at most {count}, as many as JAX has here{more}")
    per_seed = whole("devices_per_seed", per_seed, 1)
    if per_seed > (number or count):
        raise UserError(f"devices_per_seed must be at most {number or count}, all devices{more}")
    return Devices(number, per_seed)


def _check_together(hosted: bool, number: int | None, per_seed: int) -> None:
    """Raise UserError where several processes would not all have a part in the training."""
    if hosted:
        raise UserError("a family whose environments run on the host trains in one process")
    if number is not None:
        raise UserError("several processes train on all their devices: leave out devices")
    if jax.device_count() % per_seed:
        raise UserError(
            f"devices_per_seed {per_seed} does not divide the {jax.device_count()} devices of "
            f"{jax.process_count()} processes"
        )


def check_division(settings: Any, devices: Devices) -> None:
    """Raise UserError where the trials of a seed cannot be divided among its devices."""
    if devices.per_seed > 1:
        learner, trials = settings.learner, settings.budget.trials
        check_shares(trials, devices.per_seed)
        batch = learner.batch if isinstance(learner, DQN) else trials // learner.updates
        check_shares(batch, devices.per_seed)
