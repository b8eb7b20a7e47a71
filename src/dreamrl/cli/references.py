"""`dreamrl references FAMILY`: what can be reached in a family at all."""

import dataclasses
from typing import Annotated, Any

import tyro

from dreamrl import families, references
from dreamrl.cli.values import TRIALS, check_number, check_seed, print_json, print_rows
from dreamrl.families.family import holds_out

EXAMPLES = """\
  dreamrl references distracting-bus
  dreamrl references cooking --json
  dreamrl references diagnosis:path=plant/
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
    if isinstance(values, references.DiagnosisReference):
        _tell_diagnosis(values, options.json)
        return
    if options.json:
        content = values._asdict()
        content["random_exploration"] = values.random_exploration._asdict()
        print_json(content)
        return
    print(f"best mean returns in {family.name}")
    shortest = values.shortest_informative
    rows = [("problem known", f"{values.optimum:.4f}")]
    if holds_out(family):
        rows = [
            ("problem known, unseen problems", f"{values.optimum:.4f}"),
            ("problem known, training problems", f"{values.optimum_train:.4f}"),
        ]
    print_rows(
        [
            *rows,
            ("after the best exploration", _number(values.bayes_optimal)),
            ("after a random exploration", f"{values.random_exploration.mean:.4f}"),
            ("without exploration", f"{values.no_exploration:.4f}"),
            ("by Thompson sampling", _number(values.thompson)),
            ("steps that suffice to know all", "-" if shortest is None else str(shortest)),
        ]
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _tell_diagnosis(values: references.DiagnosisReference, as_json: bool) -> None:
    if as_json:
        print_json(_as_objects(values))
        return
    print(f"mean returns in {values.family}, after so many tests in the mean")
    best = values.bayes_optimal
    print_rows(
        [
            ("told the fault", f"{values.optimum:.4f}"),
            ("best tests", _bounds_text(best)),
            *(
                [("most information on repairs", _way_text(values.informed))]
                if values.informed
                else []
            ),
            ("greedy information gain", _way_text(values.greedy_information)),
            ("greedy value of information", _way_text(values.greedy_value)),
            ("tests in the table's order", _way_text(values.fixed_order)),
            ("tests at random", _way_text(values.random)),
            ("no test", f"{values.no_test:.4f}"),
        ]
    )
    print("\nbest return of at most so many tests")
    print_rows([(str(n), _bounds_text(value)) for n, value in enumerate(values.by_budget)])
    if values.frontier:
        print("\nbest return and its number of tests, were each test charged so much more")
        points = [(f"{p.price:.4f}", f"{p.mean:.4f}  {p.tests:.2f}") for p in values.frontier]
        print_rows(points)
    if values.useless:
        print(f"\nnothing about the repair is told by: {', '.join(values.useless)}")


def _bounds_text(value: Any) -> str:
    high = f" to {value.high:.4f}" if value.gap else ""
    return f"{value.low:.4f}{high}  {value.tests:.2f}"


def _way_text(value: Any) -> str:
    error = f" (error {value.error:.4f})" if value.error else ""
    return f"{value.mean:.4f}  {value.tests:.2f}{error}"


def _as_objects(value: Any) -> Any:
    """Return named tuples as objects, whatever they are in."""
    if hasattr(value, "_asdict"):
        return {name: _as_objects(each) for name, each in value._asdict().items()}
    return [_as_objects(each) for each in value] if isinstance(value, tuple) else value
