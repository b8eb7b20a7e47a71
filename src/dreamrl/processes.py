"""Several processes, one training: on machines of their own, or on one.

All devices of all processes are one mesh (`jax.distributed`). Every process runs the same programs
in the same order, so whatever one decides must be what all decide; the first one writes the run.
"""

import contextlib
import functools
import json
import math
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

from dreamrl.errors import UserError

AUTO = "auto"
PATIENCE = 120
"""Seconds that processes wait for each other at the start."""
AT_THE_END = 3600
"""Seconds that the others wait for the first one, which measures the agents."""


def join(coordinator: str | None, processes: int | None = None, process: int | None = None) -> None:
    """Join the other processes of a training, before JAX has looked for devices.

    Args:
        coordinator: HOST:PORT of the first process; `auto` asks Slurm, MPI or Kubernetes, as JAX
            finds them; None: there are no others.
        processes: How many there are.
        process: Which of them this is, from 0 up.

    Raises:
        UserError: Where they cannot be joined.
    """
    if coordinator is None:
        if processes is not None or process is not None:
            raise UserError("--processes and --process need --coordinator HOST:PORT")
        return
    # Signals are dreamrl's own.
    jax.config.update("jax_enable_preemption_service", False)
    waits: dict[str, Any] = {
        "initialization_timeout": PATIENCE,
        "shutdown_timeout_seconds": AT_THE_END,
    }
    try:
        if coordinator == AUTO:
            jax.distributed.initialize(**waits)
        else:
            host, port = _address(coordinator)
            processes, process = _numbers(processes, process)
            _reach(host, port, process)
            jax.distributed.initialize(coordinator, processes, process, **waits)
    except (ValueError, RuntimeError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        way = "give --coordinator HOST:PORT --processes N --process I"
        raise UserError(f"the processes of this training are not found: {first}: {way}") from None


def several() -> bool:
    """Return whether other processes take part."""
    return jax.process_count() > 1


def first() -> bool:
    """Return whether this is the process that writes."""
    return jax.process_index() == 0


def any_says(word: bool) -> bool:
    """Return whether any process says so: all get the same answer."""
    if not several():
        return word
    from jax.experimental import multihost_utils

    return bool(np.any(multihost_utils.process_allgather(np.array(word))))


def of_first(words: Any) -> Any:
    """Return the first process's words, as JSON keeps them, in all of them."""
    data = np.frombuffer(json.dumps(words).encode() if first() else b"", np.uint8)
    length = int(_of_first(np.array(len(data))))
    message = _of_first(data if first() else np.zeros(length, np.uint8))
    return json.loads(np.asarray(message).tobytes())


def states_of_first(states: PyTree) -> PyTree:
    """Return the first process's states in all; of the others only the shapes count."""

    def filled(x: Any) -> Any:
        if isinstance(x, jax.ShapeDtypeStruct):
            return jnp.zeros(x.shape, x.dtype) if not _is_key(x) else _no_keys(x)
        return x

    states = jax.tree.map(filled, states)
    return jax.tree.map(_with_typed_keys, _of_first(jax.tree.map(_bare, states)), states)


def spread(states: PyTree, shardings: PyTree) -> PyTree:
    """Return states that all processes have, each part on the devices where it is to be."""
    bare = jax.tree.map(_bare, states)
    return jax.jit(
        lambda bare: jax.tree.map(_with_typed_keys, bare, states), out_shardings=shardings
    )(bare)


def whole(states: PyTree, mesh: Mesh) -> PyTree:
    """Return states that are spread over processes, whole, on a device of this one."""
    return jax.tree.map(lambda x: x.addressable_data(0), _replicator(mesh)(states))


@functools.cache
def _replicator(mesh: Mesh) -> Callable[[PyTree], PyTree]:
    """Return a function that gives all devices all states: one program for the same shapes."""
    return jax.jit(lambda states: states, out_shardings=NamedSharding(mesh, PartitionSpec()))


def _is_key(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def _no_keys(x: jax.ShapeDtypeStruct) -> jax.Array:
    return jax.random.split(jax.random.key(0), math.prod(x.shape)).reshape(x.shape)


def _bare(x: jax.Array) -> np.ndarray:
    """Return an array as NumPy has it, random keys as the numbers that they are."""
    return np.asarray(jax.random.key_data(x) if _is_key(x) else x)


def _with_typed_keys(bare: Any, like: jax.Array) -> Any:
    impl = jax.random.key_impl(like) if _is_key(like) else None
    return jnp.asarray(bare) if impl is None else jax.random.wrap_key_data(bare, impl=impl)


def _of_first(tree: PyTree) -> PyTree:
    from jax.experimental import multihost_utils

    return multihost_utils.broadcast_one_to_all(tree)


def _address(coordinator: str) -> tuple[str, int]:
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise UserError(f"coordinator must be HOST:PORT or {AUTO}, is {coordinator!r}")
    return host, int(port)


def _numbers(processes: int | None, process: int | None) -> tuple[int, int]:
    if processes is None or process is None:
        raise UserError("--coordinator HOST:PORT needs --processes N and --process I")
    if processes < 1 or not 0 <= process < processes:
        raise UserError(
            f"process must be from 0 to {processes - 1}, of {processes} processes, is {process}"
        )
    return processes, process


def _reach(host: str, port: int, process: int) -> None:
    """Raise UserError where JAX would end the program: it aborts if it does not get through."""
    if process == 0:
        with contextlib.closing(socket.socket()) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("", port))
            except OSError as error:
                raise UserError(f"port {port} cannot be used here: {error.strerror}") from None
        return
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((host, port), timeout=5).close()
            return
        except OSError as error:
            if time.monotonic() > end or isinstance(error, socket.gaierror):
                raise UserError(
                    f"the first process does not answer at {host}:{port}: "
                    f"{error.strerror or error}; start it with --process 0"
                ) from None
        time.sleep(0.2)


def leave(code: int) -> None:
    """End this process at once where the others end too: they are not waited for."""
    if jax.distributed.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
