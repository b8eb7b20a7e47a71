"""JAX as dreamrl needs it, whatever the machine's environment says."""

import contextlib
import functools
import logging
import os
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from dreamrl.errors import UserError

P = ParamSpec("P")
R = TypeVar("R")

LOADED = time.time()
"""When this process read dreamrl's code: files that are newer say nothing of it."""
_COMMAND, _FOREIGN = threading.Event(), threading.Event()
"""Whether this is the command, which keeps results; whether others' code may have changed ours."""

OWN = {
    "jax_enable_x64": False,
    "jax_numpy_dtype_promotion": "standard",
    "jax_numpy_rank_promotion": "allow",
}
"""Switches that dreamrl's programs do not work with, and what they are while one runs."""

GUARDS = tuple(
    f"jax_transfer_guard{way}"
    for way in ("", "_host_to_device", "_device_to_host", "_device_to_device")
)
SAME = {
    **OWN,
    **dict.fromkeys(GUARDS, "allow"),
    "jax_disable_jit": False,
    "jax_check_tracer_leaks": False,
    "jax_debug_key_reuse": False,
    "jax_no_tracing": False,
    "jax_legacy_prng_key": "allow",
    "jax_default_prng_impl": "threefry2x32",
    "jax_threefry_partitionable": True,
    "jax_random_seed_offset": 0,
}
"""And those under which the command would give other numbers, or none."""

Options = dict[str, str | bool]
"""Options of XLA's compiler."""

SOON: Options = {
    "xla_backend_optimization_level": "0",
    "xla_cpu_use_fusion_emitters": False,
    "xla_llvm_disable_expensive_passes": True,
}
"""Options to compile programs that run seldom: in a third of the time, and they run slower."""


def settle() -> list[str]:
    """Import JAX for the command, and take back what would change its numbers.

    Returns the names of the variables that are left out of account.
    """
    try:
        import jax
    except ValueError as error:
        raise UserError(f"JAX does not start: {error}: set that otherwise, or unset it") from error
    names = []
    for name, value in SAME.items():
        if _setting(name) not in (value, None):
            jax.config.update(name, value)
            names.append(name.upper())
    _make_devices()
    return names


def cores() -> list[int]:
    """Return the processor cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return sorted(affinity(0)) if affinity else list(range(os.cpu_count() or 1))


def _make_devices() -> None:
    """Make a device of each core, where nobody has said how many there are to be."""
    import jax

    is_set = _setting("jax_num_cpu_devices") not in (-1, None)
    if not (is_set or "host_platform_device_count" in os.environ.get("XLA_FLAGS", "")):
        with contextlib.suppress(RuntimeError):  # JAX runs already.
            jax.config.update("jax_num_cpu_devices", len(cores()))


def check_devices() -> None:
    """Raise UserError where JAX has no device of the kind that the environment names."""
    import jax

    try:
        jax.devices()
    except (AssertionError, RuntimeError) as error:
        platform = _setting("jax_platforms") or _setting("jax_platform_name")
        if not platform:
            raise UserError(f"JAX finds no device to compute on: {_first_line(error)}") from error
        raise UserError(
            f"JAX_PLATFORMS is {platform!r}, and JAX finds no such device here: unset it, "
            "set JAX_PLATFORMS=cpu, or install the JAX that fits the device"
        ) from error


REPEATABLE = "--xla_gpu_deterministic_ops=true"
"""XLA's flag that lets a program on a GPU give the same numbers whenever it runs."""


def make_deterministic() -> None:
    """Let programs give the same numbers whenever they run, on GPUs too; on CPUs they do anyway.

    Raises UserError where JAX computes on another device already: XLA reads its flags before.
    """
    import jax

    flags = os.environ.get("XLA_FLAGS", "").split()
    if REPEATABLE in flags:
        return
    if not _computes_already():
        os.environ["XLA_FLAGS"] = " ".join([*flags, REPEATABLE])
    elif jax.default_backend() != "cpu":
        raise UserError(
            "deterministic is too late, as JAX computes already: ask for it before, "
            f"or set XLA_FLAGS={REPEATABLE}"
        )


def _computes_already() -> bool:
    """Return whether JAX has devices by now: their number can then not be changed any more."""
    import jax

    name = "jax_num_cpu_devices"
    number = _setting(name)
    try:
        jax.config.update(name, 2 if number == 1 else 1)
    except RuntimeError:
        return True
    jax.config.update(name, number)
    return False


@contextlib.contextmanager
def own_switches() -> Iterator[None]:
    """Leave the switches in OWN out of account for a while, in this thread."""
    import jax

    with contextlib.ExitStack() as stack:
        for name, value in OWN.items():
            if getattr(jax.config, name, value) != value:
                stack.enter_context(getattr(jax, name.removeprefix("jax_"))(value))
        yield


def in_own_switches(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function's calls work whatever the caller has set in `jax.config`."""

    @functools.wraps(function)
    def calling(*args: P.args, **kwargs: P.kwargs) -> R:
        with own_switches():
            return function(*args, **kwargs)

    return calling


def where_unset(options: Options) -> Options:
    """Return the options that XLA_FLAGS does not set, which they would overrule; for CPUs only."""
    import jax

    if jax.default_backend() != "cpu":
        return {}
    flags = os.environ.get("XLA_FLAGS", "")
    return {name: value for name, value in options.items() if f"--{name}" not in flags}


def cache_directory() -> Path | None:
    """Return where compiled programs are kept; None where there is neither a word nor a home."""
    if folder := os.environ.get("DREAMRL_CACHE"):
        return Path(folder)
    # Not Path.home(), which raises where the user has none.
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return None if caches.startswith("~") else Path(caches) / "dreamrl" / "jax"


def unwritable(directory: Path) -> str | None:
    """Make a directory if it is not there, and return why nothing can be written to it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return None
    except OSError as error:
        return error.strerror or type(error).__name__


def keep_compiled_programs() -> str | None:
    """Let a second start find the programs that the first one compiled.

    Returns a line that says why they are not kept, where they are not.
    """
    import jax

    # A cache that fills up later is no reason for a warning a program.
    warnings.filterwarnings("ignore", message=".*persistent compilation cache")
    directory = cache_directory()
    why = "there is no home directory" if directory is None else unwritable(directory)
    if why is None:
        jax.config.update("jax_compilation_cache_dir", str(directory))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
        _COMMAND.set()
        return None
    jax.config.update("jax_enable_compilation_cache", False)
    where = "" if directory is None else f"{directory}: "
    return f"compiled programs are not kept ({where}{why}); DREAMRL_CACHE says where else"


def kept_results() -> Path | None:
    """Return where the command keeps results beside compiled programs; None where it does not."""
    directory = cache_directory()
    if directory is None or not _COMMAND.is_set() or _FOREIGN.is_set():
        return None
    return directory / "kept"


def keep_no_results() -> None:
    """Keep and find no results in this process any more, as code that is not ours has a part."""
    _FOREIGN.set()


def quiet_figures() -> None:
    """Let Matplotlib work without a home directory, and say nothing of it."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    home, cache = os.path.expanduser("~"), cache_directory()
    if not os.access(home, os.W_OK) and cache is not None and unwritable(cache) is None:
        # Its list of fonts takes seconds to make.
        os.environ.setdefault("MPLCONFIGDIR", str(cache / "matplotlib"))


def _setting(name: str) -> Any:
    """Return a switch of JAX's, whose types do not know it."""
    import jax

    return getattr(jax.config, name, None)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
