"""What meta-test gets of DREAM: explorer, decoder, exploiter. There is no encoder in it."""

from typing import NamedTuple

import equinox as eqx
from jaxtyping import Array, Bool, Float

from dreamrl.agents.dream import exploration
from dreamrl.agents.dream.decoder import Decoder
from dreamrl.agents.dream.exploration import ExplorationPolicy, ExplorerMemory
from dreamrl.agents.policy import InstructedPolicy
from dreamrl.trial import Percept
from dreamrl.types import Action, Belief, Key, Trajectory


class ExploiterMemory(NamedTuple):
    policy: Float[Array, " size"]
    z: Float[Array, " Z"]


class DreamAgent(eqx.Module):
    """Greedy in both episodes, unless its explorer is random; z is the decoder's mean."""

    exploration: ExplorationPolicy
    decoder: Decoder
    exploitation: InstructedPolicy

    def explorer(self) -> ExplorerMemory:
        return exploration.start(self.exploration, self.decoder)

    def explore(
        self, memory: ExplorerMemory, percept: Percept, key: Key
    ) -> tuple[ExplorerMemory, Action, Bool[Array, ""]]:
        """Stops where going on is not worth its cost (see `stopping`), unless it acts at random."""
        memory, decision, _ = exploration.decide(self.exploration, self.decoder, memory, percept)
        stop = (self.exploration.stop(decision.state) <= 0) & (not self.exploration.random)
        return memory, self.exploration.choose(decision, key), stop

    def beliefs(self, trajectory: Trajectory) -> Belief:
        return Belief(self.decoder.unroll(trajectory))

    def exploiter(self, belief: Belief) -> ExploiterMemory:
        return ExploiterMemory(self.exploitation.start(), belief.mean)

    def exploit(
        self, memory: ExploiterMemory, percept: Percept, goal: Array, key: Key
    ) -> tuple[ExploiterMemory, Action]:
        hidden, decision = self.exploitation.step(memory.policy, percept, goal, memory.z)
        return memory._replace(policy=hidden), decision.policy.mode()
