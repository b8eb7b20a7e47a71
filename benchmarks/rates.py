"""How fast a training goes with all updates, for every benchmark that asks for it."""

import statistics
from collections.abc import Sequence
from typing import Any

import jax

from dreamrl.agents.dream import DreamSettings
from dreamrl.bench import peak_memory_mb
from dreamrl.configuration import changed
from dreamrl.devices import ALL, Devices
from dreamrl.listener import Callbacks
from dreamrl.training import Plan, Training, train


def trained_for(
    trainer: Any, seeds: Sequence[int], chunk: int, chunks: int, devices: Devices = ALL
) -> tuple[Training, dict[str, Any]]:
    """Return what a few chunks of iterations leave, and figures: the rate is of all seeds.

    It is that of the median chunk, without evaluations.
    """
    told: list[list] = []
    trained = train(
        trainer,
        seeds,
        Plan(chunk=chunk, evaluate_every=10**6, evaluation_trials=8),
        Callbacks(told.append, stop=lambda: len(told) >= chunks),
        devices=devices,
    )
    figures = {
        "steps_per_second": statistics.median(
            sum(record["steps_per_second"] for record in records) for records in told
        ),
        "compile_seconds": trained.compile_seconds,
        "peak_memory_mb": peak_memory_mb(),
    }
    # A CPU's is the process's own.
    if of_device := jax.devices()[0].memory_stats():
        figures["device_memory_mb"] = of_device["peak_bytes_in_use"] / 2**20
    return trained, figures


def widened(settings: Any, trials: int) -> Any:
    """Return settings with so many trials an iteration, and as many times the decoder's."""
    changes = {"trials": trials}
    if isinstance(settings, DreamSettings):
        decoder = settings.decoder
        changes["decoder.batch"] = max(1, decoder.batch * trials // settings.budget.trials)
        # Trials must divide it.
        changes["decoder.replay"] = trials * max(1, decoder.replay // trials)
    return changed(settings, changes)
