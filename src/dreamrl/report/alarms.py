"""Warnings of a run's metrics, each with a sentence on what to try."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dreamrl.evaluation import FEW, FEW_SEEDS
from dreamrl.listener import Record
from dreamrl.report.schema import Alarm
from dreamrl.runs.metrics import COLLAPSED, has_collapsed

LATE = 1 / 3
"""Share of a training before which it is too soon to judge."""
SOME = 0.25
"""Share of what exploration is worth that counts as a difference."""
LEAST_NATS = 0.05
"""Information in z that is as good as none."""


class Facts(NamedTuple):
    """One seed: its last record, and what that is judged by."""

    record: Record
    progress: float
    rho: float | None
    """Standard deviation of z; None of an agent without an encoder."""
    horizon: int | None
    optimal: float | None
    no_exploration: float | None
    highest_dual: float | None = None
    """The dual variable's highest value, of all records."""

    @property
    def worth(self) -> float | None:
        """Return what it is worth to know the problem; None if that is unknown or nothing."""
        if self.optimal is None or self.no_exploration is None:
            return None
        return self.optimal - self.no_exploration or None


def _collapsed(facts: Facts) -> str | None:
    return COLLAPSED if has_collapsed(facts.record) else None


def _decoder_reads_nothing(facts: Facts) -> str | None:
    share = facts.record.get("information")
    if share is None or share >= 0.1 or _encoder_tells_nothing(facts):
        return None
    return f"The decoder reads next to nothing off whole explorations (information {share:.0%})."


def _encoder_tells_nothing(facts: Facts) -> str | None:
    length, nats = facts.record.get("z_squared"), facts.record.get("z_nats")
    if length is None or facts.rho is None or length > 4 * facts.rho**2:
        return None
    if nats is not None and nats > LEAST_NATS:
        return None
    return f"The encoder tells nothing of the problem: ‖z‖² is {length:.3g}, no more than noise."


def _z_is_not_used(facts: Facts) -> str | None:
    score = facts.record.get("return_encoder")
    if score is None or facts.worth is None or facts.no_exploration is None:
        return None
    if score > facts.no_exploration + facts.worth / 10:
        return None
    return (
        f"Exploitation cannot use z: given the true z it returns {score:.2f}, and one that "
        f"knows nothing could reach {facts.no_exploration:.2f}."
    )


def _explores_in_vain(facts: Facts) -> str | None:
    score = facts.record.get("return_train")
    if score is None or facts.worth is None or facts.no_exploration is None:
        return None
    if score > facts.no_exploration + facts.worth / 10 or _z_is_not_used(facts):
        return None
    return (
        f"The agent does no better for exploring: it returns {score:.2f} on training problems, "
        f"and without exploration {facts.no_exploration:.2f} can be reached."
    )


def _decoder_loses_return(facts: Facts) -> str | None:
    best, score = facts.record.get("return_encoder"), facts.record.get("return_train")
    if best is None or score is None or facts.worth is None:
        return None
    if best - score < SOME * facts.worth or _collapsed(facts) or _decoder_reads_nothing(facts):
        return None
    return (
        f"With the true z exploitation returns {best:.2f}, with the decoder's only {score:.2f}: "
        "what exploration finds is lost on the way."
    )


def _does_not_generalise(facts: Facts) -> str | None:
    train, unseen = (
        facts.record.get("return_train"),
        facts.record.get("return_unseen"),
    )
    if train is None or unseen is None or facts.worth is None:
        return None
    if train - unseen < SOME * facts.worth:
        return None
    return f"It returns {train:.2f} on training problems, but {unseen:.2f} on unseen ones."


def _never_stops(facts: Facts) -> str | None:
    length = facts.record.get("exploration_length")
    if length is None or facts.horizon is None or "stop_length" not in facts.record:
        return None
    if facts.horizon < 2 or length < facts.horizon - 0.5:
        return None
    return f"The stop rule never ends an exploration: all last {length:.1f} steps, the horizon."


def _still_compresses(facts: Facts) -> str | None:
    dual = facts.record.get("dual")
    if dual is None or not facts.highest_dual or facts.progress < 1 or dual < facts.highest_dual:
        return None
    return (
        f"The dual variable still rises at the end ({dual:.3g}): z may hold more than is of use, "
        "and explorations may look for it."
    )


ALARMS: tuple[tuple[Callable[[Facts], str | None], str], ...] = (
    (
        _collapsed,
        "Lower exploration.cost, or raise exploration.random_share, so that longer explorations "
        "are seen before the stop rule learns.",
    ),
    (
        _decoder_reads_nothing,
        "See with dreamrl references whether an exploration can show the problem at all; then "
        "train longer, or raise decoder.batch.",
    ),
    (
        _encoder_tells_nothing,
        "Train with --bottleneck none: if z grows, the bottleneck was too tight, so lower "
        "bottleneck.dual_rate or bottleneck.first_dual.",
    ),
    (
        _z_is_not_used,
        "Train the agent oracle, which is told the problem: if that fails too, raise "
        "learner.exploitation.entropy or the iterations; if not, raise encoding.z.",
    ),
    (
        _explores_in_vain,
        "Look at its trials below: do beliefs change during the exploration, and does another "
        "belief change the exploitation? Then train longer.",
    ),
    (
        _decoder_loses_return,
        "Raise exploitation.decoder_share, or begin earlier with exploitation.decoder_share_begin, "
        "so that exploitation learns to live with the decoder's errors.",
    ),
    (
        _does_not_generalise,
        "Train on more problems, or make encoding.z smaller, so that problems cannot be learned by "
        "heart.",
    ),
    (_never_stops, "Raise exploration.cost, or train longer: the stop rule learns last."),
    (_still_compresses, "Train longer, or raise bottleneck.dual_rate or bottleneck.first_dual."),
)
"""Checks of a seed that is a third through, and the remedy of each."""


def alarms(seeds: Mapping[int, Facts], failed: Mapping[int, str]) -> list[Alarm]:
    """Return what is to be said of a run's seeds, those that train no more included."""
    return [*_failures(failed), *_of_seeds(seeds), *_of_all(seeds)]


def _failures(errors: Mapping[int, str]) -> Iterator[Alarm]:
    remedy = (
        "Train on from the agent that was kept with dreamrl train --from RUN and a lower "
        "budget.learning_rate or learner.max_norm."
    )
    for seed, error in errors.items():
        yield _alarm("alarm", f"The training failed: {error}", remedy, [seed])


def _of_seeds(seeds: Mapping[int, Facts]) -> Iterator[Alarm]:
    late = {seed: facts for seed, facts in seeds.items() if facts.progress >= LATE}
    for check, remedy in ALARMS:
        findings = {seed: check(facts) for seed, facts in late.items()}
        hit = [seed for seed, finding in findings.items() if finding]
        if hit:
            words = findings[hit[0]] or ""
            remark = f" (the numbers are those of seed {hit[0]})" if len(hit) > 1 else ""
            yield _alarm("alarm", words + remark, remedy, hit)


def _of_all(seeds: Mapping[int, Facts]) -> Iterator[Alarm]:
    returns = {
        seed: facts.record["return_unseen"]
        for seed, facts in seeds.items()
        if "return_unseen" in facts.record
    }
    worth = next((facts.worth for facts in seeds.values()), None)
    if len(returns) > 1 and worth is not None:
        low, high = (pick(returns, key=lambda s: returns[s]) for pick in (min, max))
        if returns[high] - returns[low] > worth / 2:
            message = (
                f"Seeds disagree: seed {low} returns {returns[low]:.2f}, "
                f"seed {high} {returns[high]:.2f}."
            )
            remedy = "See what the worse one does otherwise in its curves and trials below."
            yield _alarm("alarm", message, remedy, [low, high])
    if 1 < len(seeds) < FEW:
        yield _alarm("note", FEW_SEEDS, f"Train at least {FEW}: --seeds {FEW}.", [])


def _alarm(kind: Any, text: str, remedy: str, seeds: Sequence[int]) -> Alarm:
    return {"kind": kind, "what": text, "remedy": remedy, "seeds": list(seeds)}
