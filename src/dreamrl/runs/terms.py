"""The terms of a training: its length, and the reports and checkpoints on the way."""

import dataclasses
from typing import Any

from dreamrl.errors import UserError, unknown
from dreamrl.runs.sinks import SINKS
from dreamrl.training import Plan
from dreamrl.values import plain_value


@dataclasses.dataclass(frozen=True)
class Terms:
    """None of these changes what an iteration learns."""

    chunk: int = Plan().chunk
    evaluate_every: int = Plan().evaluate_every
    evaluation_trials: int = Plan().evaluation_trials
    until: int | None = None
    """Environment steps of each seed, where the training goes on after its last iteration."""
    checkpoint_every: float | int = 30.0
    """Seconds from one checkpoint to the next, and more where the disk is slow; 0: each chunk."""
    keep: int = 2
    """Checkpoints kept."""
    keep_best: bool = False
    """Keep the agent with the best return on training problems, of those evaluated on the way,
    and not the last one."""
    sinks: tuple[str, ...] = ()
    """Places for metrics beside metrics.jsonl."""

    def __post_init__(self) -> None:
        """Make plain Python values of NumPy's, as run.json holds them."""
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, plain_value(getattr(self, field.name)))
        if isinstance(self.checkpoint_every, int):
            object.__setattr__(self, "checkpoint_every", float(self.checkpoint_every))

    @property
    def plan(self) -> Plan:
        return Plan(self.chunk, self.evaluate_every, self.evaluation_trials)

    def check(self) -> None:
        """Raise UserError where a value is of no use."""
        for name in ("chunk", "evaluate_every", "evaluation_trials", "keep", "until"):
            value = getattr(self, name)
            if not ((isinstance(value, int) and value >= 1) or (name, value) == ("until", None)):
                raise UserError(f"{name} must be at least 1, is {value!r}")
        if not isinstance(self.keep_best, bool):
            raise UserError(f"keep_best must be true or false, is {self.keep_best!r}")
        every = self.checkpoint_every
        if not (isinstance(every, int | float) and 0 <= every < float("inf")):
            raise UserError(f"checkpoint_every must be 0 or more seconds, is {every!r}")
        for sink in self.sinks:
            if not isinstance(sink, str) or sink not in SINKS:
                raise unknown("sink", str(sink), SINKS)

    @classmethod
    def read(cls, entries: dict[str, Any]) -> "Terms":
        """Return the terms that a run.json holds; raise UserError where they are none."""
        try:
            terms = cls(**{**entries, "sinks": tuple(entries["sinks"])})
        except (KeyError, TypeError):
            raise UserError("its terms are those of another version of dreamrl") from None
        terms.check()
        return terms


DEFAULT_TERMS = Terms()
