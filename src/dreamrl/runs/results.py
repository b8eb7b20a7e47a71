"""Returns of a run's agent, beside the references."""

import functools
import statistics
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from dreamrl import references
from dreamrl.agents.dream.stopping import with_stop
from dreamrl.errors import quoted, words
from dreamrl.evaluation import evaluate, mean_ci95
from dreamrl.families.family import Family, holds_out, plain_ids
from dreamrl.families.splits import unseen_ids, validation_ids
from dreamrl.interruption import stand_back
from dreamrl.kept import remembered
from dreamrl.runs.run import Loaded, Run
from dreamrl.values import Whole

Split = Literal["unseen", "validation", "train"]
More = Callable[[Loaded], dict[str, Any]]


def nothing_more(loaded: Loaded) -> dict[str, Any]:
    return {}


def ids_of(family: Family, split: Split) -> tuple[int, ...] | range:
    if split == "train":
        return plain_ids(family.train_ids)
    return unseen_ids(family) if split == "unseen" else validation_ids(family)


def limits(family: Family, split: Split = "unseen") -> dict[str, float | None]:
    """Return the optimum and the best return without exploration; None where they are not known."""
    arguments: tuple[Any, Split] = (family, split)
    try:
        return _limits(*arguments)
    except TypeError:
        # A family that cannot be hashed.
        return _limits.__wrapped__(*arguments)


@functools.lru_cache(maxsize=8)
def _limits(family: Family, split: Split) -> dict[str, float | None]:
    try:
        return remembered(_worked_out, family, split)
    except Exception:
        # They stand beside a result, which is there without them.
        return {"optimal": None, "no_exploration": None}


def _worked_out(family: Family, split: Split) -> dict[str, float | None]:
    return {
        "optimal": references.optimum(family, ids_of(family, split)),
        "no_exploration": references.no_exploration(family),
    }


def evaluate_run(
    run: Run,
    split: Split = "unseen",
    trials: Whole = 2000,
    seed: Whole = 0,
    episodes: Whole = 1,
    stop: str | int | None = None,
    more: More = nothing_more,
) -> dict[str, Any]:
    """Return how well a run's agent does, as one object that JSON can hold.

    `more` tells what else there is to measure of the run, once it is loaded.
    """
    loaded = run.load()
    family = loaded.family
    agent = with_stop(loaded.agent, stop)
    result = evaluate(family, agent, ids_of(family, split), trials, seed, episodes)
    return {
        "agent": run.manifest["agent"],
        "family": family.name,
        "seed": run.manifest["seed"],
        "split": split,
        "trials": result.trials,
        "episodes": result.episodes,
        "return_mean": result.return_mean,
        "return_ci95": result.return_ci95 and list(result.return_ci95),
        "exploration_length_mean": result.exploration_length_mean,
        **result.statistics,
        **more(loaded),
        **limits(family, split),
        "held_out": holds_out(family),
    }


def evaluation(run: Run, trials: int = 2000) -> dict[str, Any]:
    """Return {"result": ...} at the end of a training, or {"error": why there is none}.

    Training is over, and no fault here undoes it.
    """
    try:
        return {"result": evaluate_run(run, trials=trials)}
    except Exception as error:
        stand_back()
        again = f"dreamrl evaluate {quoted(run.path)} tries again"
        return {"error": f"the agent is kept, but could not be evaluated: {words(error)}; {again}"}


def evaluate_runs(
    runs: Sequence[Run],
    split: Split = "unseen",
    trials: int = 2000,
    seed: int = 0,
    episodes: int = 1,
    stop: str | int | None = None,
    more: More = nothing_more,
) -> dict[str, Any]:
    """Evaluate a run, or several seeds as `over_seeds` does: those that failed only if all did."""
    sound = sound_of(runs)
    failed = [run.manifest["seed"] for run in runs if run not in sound]
    results = [evaluate_run(run, split, trials, seed, episodes, stop, more) for run in sound]
    return over_seeds(results, failed)


def sound_of(runs: Sequence[Run]) -> list[Run]:
    """Return the runs that have not failed; all of them if all have."""
    return [run for run in runs if run.manifest.get("status") != "failed"] or list(runs)


def over_seeds(results: Sequence[dict[str, Any]], failed: Sequence[int] = ()) -> dict[str, Any]:
    """Return one object for several seeds: means over seeds, and each seed's own result in `seeds`.

    The interval is Student's t over seeds, of which there are few; None where these agree exactly.
    A single seed's result stays as it is. Seeds that have failed are named, and part of no mean.
    """
    first = results[0]
    if len(results) == 1 and not failed:
        return first
    means: dict[str, Any] = {
        name: statistics.fmean(result[name] for result in results)
        if isinstance(first[name], float)
        else first[name]
        for name in first
        if name not in ("seed", "return_ci95")
    }
    returns = [result["return_mean"] for result in results]
    interval = first["return_ci95"]
    if len(results) > 1:
        bounds = mean_ci95(np.array(returns))[1]
        interval = bounds and list(bounds)
    return {
        **means,
        "return_ci95": interval,
        "return_lowest": min(returns),
        "seeds": list(results),
        **({"failed": list(failed)} if failed else {}),
    }
