"""`dreamrl references FAMILY`: what can be reached in a family at all."""

import dataclasses
from typing import Annotated

import tyro

from dreamrl import families, references
from dreamrl.cli.values import TRIALS, check_number, check_seed, print_json, print_rows

EXAMPLES = """\
  dreamrl references distracting-bus
  dreamrl references cooking --json
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """Work out what can be reached in a family, exactly, from its own step function."""

    family: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="FAMILY")]
    """A name that dreamrl families lists, or one of your own, as in dreamrl train."""
    number: int = 1000
    """Random explorations tried."""
    seed: int = 0
    """Seed of the random explorations."""
    json: bool = False
    """Print one JSON object instead."""


def run(options: Options) -> None:
    check_seed(options.seed)
    check_number("number", options.number, 2, TRIALS)
    family = families.make(options.family)
    values = references.references(family, options.number, options.seed)
    if options.json:
        shown = values._asdict()
        shown["random_exploration"] = values.random_exploration._asdict()
        print_json(shown)
        return
    print(f"best mean returns in {family.name}")
    shortest = values.shortest_informative
    print_rows(
        [
            ("problem known, unseen problems", f"{values.optimum:.4f}"),
            ("problem known, training problems", f"{values.optimum_train:.4f}"),
            ("after the best exploration", _number(values.bayes_optimal)),
            ("after a random exploration", f"{values.random_exploration.mean:.4f}"),
            ("without exploration", f"{values.no_exploration:.4f}"),
            ("by Thompson sampling", _number(values.thompson)),
            ("steps that suffice to know all", "-" if shortest is None else str(shortest)),
        ]
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
