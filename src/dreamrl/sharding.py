"""Trials over devices: what an iteration does with many trials, each device does with its share.

The mesh of a training has two axes, seeds and trials (`dreamrl.devices`). Where there is no mesh,
or one device a seed, everything here leaves things as they are.
"""

from collections.abc import Callable

import jax
from jax.flatten_util import ravel_pytree
from jax.sharding import PartitionSpec
from jaxtyping import PyTree

from dreamrl.errors import UserError
from dreamrl.types import Key

SEEDS, TRIALS = "seeds", "trials"
OWN, WHOLE = PartitionSpec(TRIALS), PartitionSpec()


def shares() -> int:
    """Return over how many devices the trials of a seed are spread, where this is traced."""
    return jax.sharding.get_abstract_mesh().shape.get(TRIALS, 1)


def own_key(key: Key) -> Key:
    """Return the random key of a device's share of trials."""
    return key if shares() == 1 else jax.random.fold_in(key, jax.lax.axis_index(TRIALS))


def dealt(trials: PyTree) -> PyTree:
    """Return trials in an order in which each device has its share of every kind."""
    if shares() == 1:
        return trials
    _check(trials)
    return jax.tree.map(
        lambda x: x.reshape(-1, shares(), *x.shape[1:]).swapaxes(0, 1).reshape(x.shape), trials
    )


def over_trials(function: Callable[..., PyTree], mean: bool = False) -> Callable[..., PyTree]:
    """Return `function`, whose inputs but the first have a leading axis of trials, done in shares.

    What it reads must be among its inputs. Its outputs have that axis too; or, with `mean`, are
    means over the shares.
    """

    def share(*inputs: PyTree) -> PyTree:
        result = function(*inputs)
        if not mean:
            return result
        # One message, as each that devices exchange has them wait for each other; means of counts
        # are no whole numbers.
        flat, unravel = ravel_pytree(jax.tree.map(lambda x: 1.0 * x, result))
        return unravel(jax.lax.pmean(flat, TRIALS))

    def spread(same: PyTree, *trials: PyTree) -> PyTree:
        if shares() == 1:
            return function(same, *trials)
        _check(trials)
        return jax.shard_map(
            share,
            in_specs=(WHOLE, *[OWN] * len(trials)),
            out_specs=WHOLE if mean else OWN,
            axis_names={TRIALS},
            check_vma=False,
        )(same, *trials)

    return spread


def check_shares(trials: int, devices: int) -> None:
    """Raise UserError where so many trials, or episodes, cannot be divided among the devices."""
    if trials % devices:
        raise UserError(
            f"devices_per_seed {devices} does not divide the {trials} trials that are played or "
            "learned from at once"
        )


def _check(trials: PyTree) -> None:
    for leaf in jax.tree.leaves(trials):
        check_shares(len(leaf), shares())
