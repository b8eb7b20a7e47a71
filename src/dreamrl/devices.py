"""Seeds over devices: each trains its share of them, and none knows of the others.

On CPUs a device takes its seeds one after the other, which is as fast as side by side, and makes a
seed's program the same however many there are. Elsewhere all of a device's seeds run side by side.
The environments of a `HasLimit` family are the host's: they stay on one device.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jax.stages import Wrapped
from jaxtyping import PyTree

from dreamrl.errors import UserError
from dreamrl.families.turns import at_once
from dreamrl.values import Whole, whole

SEEDS, WHOLE = PartitionSpec("seeds"), PartitionSpec()


class Layout(NamedTuple):
    """Where the seeds of a training are."""

    mesh: Mesh
    seeds: int
    """How many there are."""
    in_turn: bool
    """Whether a device takes its seeds one after the other."""

    @property
    def padded(self) -> int:
        """Return how many seeds there would be if every device had equally many."""
        devices = self.mesh.size
        return -(-self.seeds // devices) * devices

    def spread(self, states: PyTree) -> PyTree:
        """Return states of all seeds, each on its device; the last one again in places left."""
        missing = self.padded - self.seeds

        def filled(x: Any) -> jax.Array:
            x = jnp.asarray(x)
            return jnp.concatenate([x, jnp.repeat(x[-1:], missing, axis=0)]) if missing else x

        return jax.device_put(jax.tree.map(filled, states), NamedSharding(self.mesh, SEEDS))

    def gathered(self, states: PyTree) -> PyTree:
        """Return the states of the seeds alone, on one device."""
        if self.mesh.size == 1:
            return states
        states = jax.device_put(states, self.mesh.devices[0])
        return jax.tree.map(lambda x: x[: self.seeds], states)

    def each(self, function: Callable[..., PyTree], same: int = 0) -> Wrapped:
        """Return `function`, which takes and returns a leading axis of seeds, for all, jitted.

        Its last `same` inputs have no such axis.
        """

        def local(*inputs: Any) -> PyTree:
            own, rest = inputs[: len(inputs) - same], inputs[len(inputs) - same :]
            if not self.in_turn:
                return function(*own, *rest)

            def one(own: Any) -> PyTree:
                made = function(*jax.tree.map(lambda x: x[None], own), *rest)
                return jax.tree.map(lambda x: x[0], made)

            return jax.lax.map(one, own)

        def all_of(*inputs: Any) -> PyTree:
            specs = (SEEDS,) * (len(inputs) - same) + (WHOLE,) * same
            return jax.shard_map(
                local, mesh=self.mesh, in_specs=specs, out_specs=SEEDS, check_vma=False
            )(*inputs)

        return jax.jit(all_of)


def layout(family: Any, seeds: int, devices: int | None = None) -> Layout:
    """Return where so many seeds train: over all devices, or so many of them."""
    at_hand = jax.devices()[: check_devices(devices)]
    hosted = at_once(family) is not None
    used = at_hand[: 1 if hosted else seeds]
    mesh = jax.make_mesh((len(used),), ("seeds",), axis_types=(AxisType.Auto,), devices=used)
    return Layout(mesh, seeds, not hosted and used[0].platform == "cpu")


def check_devices(devices: Whole | None) -> int | None:
    """Return how many devices are asked for; raise UserError where there are fewer."""
    if devices is None:
        return None
    number, there = whole("devices", devices, 1), jax.device_count()
    if number > there:
        more = "; JAX_NUM_CPU_DEVICES makes more" if jax.default_backend() == "cpu" else ""
        raise UserError(f"devices must be at most {there}, as many as JAX has here{more}")
    return number
