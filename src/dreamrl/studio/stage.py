"""Trials that the page asks for, played by agents that are kept for the next one."""

import functools
import threading
from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Shaped

from dreamrl import families
from dreamrl.deploy import TrainedAgent, load
from dreamrl.errors import UserError
from dreamrl.families.family import Family, HasGoals, plain_ids
from dreamrl.report import boards
from dreamrl.report.collect import is_q_learning
from dreamrl.report.schema import Group
from dreamrl.report.trials import trials, words
from dreamrl.runs.checkpoint import CHECKPOINTS, newest_first
from dreamrl.runs.manifest import program
from dreamrl.runs.run import AGENT, runs_of
from dreamrl.studio.schema import Choices, Played
from dreamrl.studio.shelf import Shelf

AGENTS = 8
"""Agents that are kept in memory."""
CHOICES = 1000
"""Problems of each kind, and goals, that are offered."""


class Stage:
    """Plays one trial at a time."""

    def __init__(self, shelf: Shelf):
        self.shelf = shelf
        self._lock = threading.Lock()
        self._load = functools.lru_cache(AGENTS)(_load_for_state)

    def play(
        self,
        key: str,
        seed: int,
        problem: int,
        draw: int = 0,
        goal: int | None = None,
        swap: int | None = None,
    ) -> Played:
        """Play a trial.

        Args:
            key: Of a run.
            seed: Whose agent plays.
            problem: The problem's ID.
            draw: Seed of the goal, and of whatever else is random.
            goal: Which of the problem's goals, in place of one that is drawn.
            swap: Another problem, whose belief is exploited with in turn.

        Raises:
            UserError: For what there is not, and what cannot be read.
        """
        root, group = self.shelf.path(key), self.shelf.group(key)
        if group["message"] is not None:
            raise UserError(group["message"])
        matches = [each for each in group["seeds"] if each["seed"] == seed]
        if not matches:
            raise UserError(f"{group['name']} has no seed {seed}")
        [card] = matches
        if card["message"] is not None:
            raise UserError(card["message"])
        numbers = [each["seed"] for each in group["seeds"]]
        path = runs_of(root, numbers)[numbers.index(seed)].path
        with self._lock:
            agent = self._agent(path)
            goals = goals_of(agent.family, problem)
            if goal is not None and goal not in range(len(goals)):
                raise UserError(f"problem {problem} has no goal {goal}")
            known, records = trials(
                agent,
                [problem] if swap is None or swap == problem else [problem, swap],
                draw,
                q_learning=is_q_learning(group),
                draw=True,
                goal=None if goal is None else goals[goal],
            )
            ids = {problem, *(known["ids"] if known else ()), *([] if swap is None else [swap])}
            view = boards.view(agent.family, sorted(ids))
        return {
            "seed": {**card, "known": known, "trials": records[:1]},
            "view": view,
            "goals": [words(each) for each in goals[:CHOICES]],
        }

    def _agent(self, path: Path) -> TrainedAgent:
        """Return a seed's agent, the newest one of a run that trains."""
        files = (path / f"{AGENT}.json", path / f"{AGENT}.safetensors")
        dates = tuple(file.stat().st_mtime_ns if file.exists() else None for file in files)
        return self._load(path, *dates, *newest_first(program(path) / CHECKPOINTS)[:1])


def _load_for_state(path: Path, *state: object) -> TrainedAgent:
    """Return a seed's agent; `state` changes when another one is to be read."""
    return load(path)


def choices(group: Group) -> Choices | None:
    """Return the problems of a run's family; None where it is not there."""
    try:
        family = families.of_run(group["family"])
    except UserError:
        return None
    training = plain_ids(family.train_ids)
    unseen = [i for i in plain_ids(family.test_ids)[: 2 * CHOICES] if i not in training]
    return {"training": list(training[:CHOICES]), "unseen": unseen[:CHOICES]}


def goals_of(family: Family, problem: int) -> Sequence[Shaped[np.ndarray, "..."]]:
    """Return all goals of a problem; none where the family does not list them."""
    splits = plain_ids(family.train_ids), plain_ids(family.test_ids)
    if not isinstance(family, HasGoals) or not any(problem in ids for ids in splits):
        return ()
    goals, _ = family.goals(family.problem(jnp.array(problem)))
    return list(np.asarray(goals))
