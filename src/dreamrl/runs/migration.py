"""Settings of runs written before settings were nested, and flags as they were called then."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from dreamrl.agents.dream import DreamSettings
from dreamrl.agents.dream.settings import AT_ONCE, BY_NORM
from dreamrl.agents.import_ import ImportSettings
from dreamrl.agents.maml import MamlSettings
from dreamrl.agents.pearl import PearlSettings
from dreamrl.agents.registry import method_of
from dreamrl.agents.varibad import VaribadSettings
from dreamrl.agents.whole_trial.settings import WholeTrialSettings
from dreamrl.configuration import changed, from_dict
from dreamrl.learners.dqn import DQN

_BUDGET = {
    name: f"budget.{name}"
    for name in ("iterations", "trials", "episodes", "learning_rate", "last_learning_rate")
}
_PPO = {"minibatches": "learner.minibatches", "clip": "learner.clip"}
_DQN = {
    "q_updates": "learner.updates",
    "q_batch": "learner.batch",
    "q_replay": "learner.capacity",
    "q_returns": "learner.returns",
    "q_steps": "learner.steps",
    "q_lambda": "learner.q_lambda",
    "q_target_every": "learner.target_every",
    "q_epsilon": "learner.epsilon",
    "q_last_epsilon": "learner.last_epsilon",
    "q_epsilon_end": "learner.epsilon_end",
    "q_max_norm": "learner.max_norm",
    "q_starts": "learner.starts",
}
_DREAM = _BUDGET | {
    "hidden": "exploitation.hidden",
    "exploration_hidden": "exploration.hidden",
    "z": "encoding.z",
    "rho": "encoding.rho",
    "discount": "exploitation.discount",
    "may_end": "exploitation.may_end",
    "decoder_share": "exploitation.decoder_share",
    "decoder_share_begin": "exploitation.decoder_share_begin",
    "decoder_share_end": "exploitation.decoder_share_end",
    "objective": "exploration.objective",
    "explorer": "exploration.policy",
    "exploration_discount": "exploration.discount",
    "cost": "exploration.cost",
    "random_share": "exploration.random_share",
    "q_exploration_starts": "exploration.starts",
    "decoder_hidden": "decoder.hidden",
    "decoder_batch": "decoder.batch",
    "replay": "decoder.replay",
}
_DREAM_PPO = _PPO | {
    "gae_lambda": "learner.exploitation.gae_lambda",
    "entropy": "learner.exploitation.entropy",
    "last_entropy": "learner.exploitation.last_entropy",
    "barrier": "learner.exploitation.barrier",
    "entropy_end": "learner.exploitation.entropy_end",
    "exploration_gae_lambda": "learner.exploration.gae_lambda",
    "exploration_entropy": "learner.exploration.entropy",
    "exploration_last_entropy": "learner.exploration.last_entropy",
    "exploration_entropy_begin": "learner.exploration.entropy_begin",
    "exploration_entropy_end": "learner.exploration.entropy_end",
}
_BOTTLENECKS = {
    "constrained": {
        "first_dual": "bottleneck.first_dual",
        "dual_rate": "bottleneck.dual_rate",
        "tolerance": "bottleneck.tolerance",
        "bottleneck_free": "bottleneck.free",
    },
    "fixed": {"bottleneck_weight": "bottleneck.weight", "bottleneck_free": "bottleneck.free"},
    "none": {},
}
_WHOLE = _BUDGET | {name: name for name in ("hidden", "discount", "may_end")}
_WHOLE_PPO = _PPO | {
    "exploration_entropy": "learner.exploration.entropy",
    "entropy": "learner.exploitation.entropy",
    "barrier": "learner.exploitation.barrier",
}
_BOTH = {name: name for name in ("gae_lambda", "last_entropy", "entropy_end")}
_MAML = (
    _BUDGET
    | _PPO
    | {name: name for name in ("hidden", "recurrent", "may_end", "objective", "discount")}
    | {
        "order": "inner.order",
        "inner_steps": "inner.steps",
        "inner_rate": "inner.rate",
        "inner_rates": "inner.rates",
        "inner_discount": "inner.discount",
        "inner_gae_lambda": "learner.exploration.gae_lambda",
        "gae_lambda": "learner.exploitation.gae_lambda",
        "entropy": "learner.exploitation.entropy",
        "last_entropy": "learner.exploitation.last_entropy",
        "entropy_end": "learner.exploitation.entropy_end",
        "exploration_entropy": "learner.exploration.entropy",
    }
)
_PEARL = (
    _BUDGET
    | {
        name: name
        for name in (
            *("hidden", "recurrent", "z", "discount", "may_end", "random_share", "replayed"),
            *("contexts", "recent", "kl_weight", "kl_begin", "kl_end", "act_on"),
        )
    }
    | {
        "updates": "learner.updates",
        "replay": "learner.capacity",
        "max_norm": "learner.max_norm",
        "target_rate": "learner.target_rate",
        "returns": "learner.returns",
        "n_steps": "learner.steps",
        "q_lambda": "learner.q_lambda",
        "temperature": "learner.temperature",
        "last_temperature": "learner.last_temperature",
        "temperature_end": "learner.temperature_end",
    }
)


_FLAT = (DreamSettings, MamlSettings, PearlSettings, WholeTrialSettings)


def is_flat(kind: type, settings: Mapping[str, Any]) -> bool:
    """Tell whether settings were written before they were nested."""
    return "iterations" in settings and issubclass(kind, _FLAT)


def nested(kind: type, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return flat settings by dotted path; those that had no effect are left out."""
    if issubclass(kind, DreamSettings):
        return _dream(settings)
    if issubclass(kind, MamlSettings):
        return _renamed(_MAML, settings) | (
            {"learner.exploration.last_entropy": settings["exploration_entropy"]}
            if "exploration_entropy" in settings
            else {}
        )
    if issubclass(kind, PearlSettings):
        default = PearlSettings()
        problems = settings.get("tasks", default.problems)
        batch = problems * settings.get("replayed", default.replayed)
        return _renamed(_PEARL, settings) | {"learner.batch": batch}
    return _whole_trial(kind, settings)


def _dream(settings: Mapping[str, Any]) -> dict[str, Any]:
    values = _renamed(_DREAM, settings)
    limit = settings.get("bottleneck", "constrained")
    values |= {"bottleneck": limit}
    values |= {f"bottleneck.{name}": value for name, value in _by_norm(limit, settings).items()}
    values |= _renamed(_BOTTLENECKS[limit], settings)
    if limit == "constrained" and "entropy_end" in settings:
        values["bottleneck.begin"] = settings["entropy_end"]
    if settings.get("learner") == "dqn":
        # Nothing was ramped or at random by trials then, and the decoder learned from the trials
        # that the policies learned from.
        values["exploration.random_share"] = values["exploitation.decoder_share_begin"] = 0.0
        values["exploitation.decoder_share_end"] = AT_ONCE
        default = DQN()
        values["decoder.batch"] = settings.get("q_batch", default.batch)
        values["decoder.replay"] = settings.get("q_replay", default.capacity)
    return values | _learner(_DREAM_PPO, settings)


def _whole_trial(kind: type, settings: Mapping[str, Any]) -> dict[str, Any]:
    names = dict(_WHOLE)
    for method, extras in (
        (ImportSettings, ("z", "informed_share", "auxiliary")),
        (VaribadSettings, ("z", "samples", *_WEIGHTS)),
    ):
        if issubclass(kind, method):
            names |= {name: name for name in extras}
    values = _renamed(names, settings) | _learner(_WHOLE_PPO, settings)
    if values["learner"] == "ppo":
        for name in _BOTH.keys() & settings.keys():
            values |= {
                f"learner.{p}.{name}": settings[name] for p in ("exploration", "exploitation")
            }
    return values


_WEIGHTS = ("observation_weight", "reward_weight", "divergence_weight")


def _learner(ppo: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, Any]:
    learner = settings.get("learner", "ppo")
    return {"learner": learner} | _renamed(_DQN if learner == "dqn" else ppo, settings)


def _renamed(names: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, Any]:
    return {names[name]: settings[name] for name in names.keys() & settings.keys()}


def settings_of(agent: str, settings: Mapping[str, Any]) -> Any:
    """Return the settings that a run of before held.

    A setting that a run lacks is younger than it, and has its default, as it had then.
    """
    kind = method_of(agent).settings
    return changed(kind(), nested(kind, settings))


def stored_settings(agent: str, settings: Mapping[str, Any]) -> Any:
    """Return the settings that a file holds, nested or of before."""
    kind = method_of(agent).settings
    if is_flat(kind, settings):
        return settings_of(agent, settings)
    limit = settings.get("bottleneck")
    if isinstance(limit, Mapping) and "bound" not in limit:
        settings = {**settings, "bottleneck": {**_by_norm(limit["kind"], limit), **limit}}
    return from_dict(kind, dict(settings))


def _by_norm(limit: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a bottleneck before there was another bound than the norm."""
    if limit == "none":
        return {}
    defaults = dataclasses.asdict(BY_NORM)
    if limit == "fixed":
        names = ("bound", "weight_begin", "weight_end")
        return {name: defaults[name] for name in names} | {"weight": 0.02}
    # The first was also the least that it could be.
    return defaults | {"least_dual": settings.get("first_dual", BY_NORM.first_dual)}


def called_now(kind: type, name: str) -> tuple[str, ...]:
    """Return the paths of a flat setting of before, mostly one; none if it was none."""
    if issubclass(kind, WholeTrialSettings) and name in _BOTH:
        return tuple(f"learner.{part}.{name}" for part in ("exploration", "exploitation"))
    tables: list[Mapping[str, str]] = []
    if issubclass(kind, DreamSettings):
        tables = [_DREAM, _DREAM_PPO, *_BOTTLENECKS.values(), _DQN]
    elif issubclass(kind, WholeTrialSettings):
        tables = [_WHOLE, _WHOLE_PPO, _DQN]
    elif issubclass(kind, MamlSettings):
        tables = [_MAML]
    elif issubclass(kind, PearlSettings):
        tables = [_PEARL]
    return next(((table[name],) for table in tables if name in table), ())
