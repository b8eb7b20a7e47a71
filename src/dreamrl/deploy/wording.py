"""The words of a consultation: at the terminal and on the page the same."""

from collections.abc import Sequence
from typing import NamedTuple

from dreamrl.deploy.consultation import Advice, Consultation, Proposal, Prospect

SHOWN = 8
"""Faults, and repairs, that are said one by one."""


class Share(NamedTuple):
    """The probability of something."""

    name: str
    value: float
    words: str


class Wording(NamedTuple):
    """All that is said at once."""

    faults: tuple[Share, ...]
    """The likeliest first."""
    repairs: tuple[Share, ...]
    """Probabilities that no other would pay more, and the expected payoff of each."""
    advice: Advice
    pays: str
    """The repair's expected payoff and risk, in words."""
    proposal: Proposal | None
    test: str
    """The proposed test, and its number; without a proposal, why there is none."""
    worth: str
    outcomes: tuple[tuple[str, str, str], ...]
    """An outcome of it, how likely that is, and the best repair then."""


def wording(consultation: Consultation) -> Wording:
    """Return what is to be said now."""
    names, posterior = consultation.family.table.faults, consultation.posterior.tolist()
    faults = [Share(*each, f"{each[1]:.0%}") for each in zip(names, posterior, strict=True)]
    repairs = [
        Share(each.repair, 1 - each.risk, f"{1 - each.risk:.0%}, pays {each.expected:.2f}")
        for each in consultation.repairs
    ]
    proposal, advice, worth = consultation.proposal, consultation.advice, ""
    pays = f"expected to pay {advice.expected:.2f}; another would pay more: {advice.risk:.0%}"
    if proposal is None:
        test = "no test is left" if consultation.exhausted else "more tests are not worth it"
    else:
        test = f"test {len(consultation.told) + 1}: {proposal.test}"
        cost = f", costs {proposal.cost:g}" if proposal.cost else ""
        worth = f"worth {proposal.worth:.2f}{cost}"
    return Wording(
        _likeliest_first(faults),
        _likeliest_first(repairs),
        advice,
        pays,
        proposal,
        test,
        worth,
        tuple(map(_prospect_cells, proposal.prospects if proposal else ())),
    )


def likeliest(faults: Sequence[Share]) -> list[Share]:
    """Return the first of what sums to one, and what is left of it as one more."""
    result, rest = list(faults[:SHOWN]), faults[SHOWN:]
    if rest:
        remainder = sum(share.value for share in rest)
        word = "other" if len(rest) == 1 else "others"
        result.append(Share(f"and {len(rest)} {word}", remainder, f"{remainder:.0%}"))
    return result


def _likeliest_first(shares: list[Share]) -> tuple[Share, ...]:
    return tuple(sorted(shares, key=lambda share: share.value, reverse=True))


def _prospect_cells(prospect: Prospect) -> tuple[str, str, str]:
    repair = prospect.repair if prospect.probability else "impossible by the table"
    return prospect.outcome, f"{prospect.probability:.0%}", repair
