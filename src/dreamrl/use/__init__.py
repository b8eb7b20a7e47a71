"""A trained agent, used: in a loop of one's own, or on a problem of its family."""

from dreamrl.use.agent import TrainedAgent, load, prepare
from dreamrl.use.beliefs import Beliefs
from dreamrl.use.environment import Environment, ProblemEnvironment

__all__ = [
    "Beliefs",
    "Environment",
    "ProblemEnvironment",
    "TrainedAgent",
    "load",
    "prepare",
]
