"""`dreamrl families`: what an agent can be trained on."""

import dataclasses

from dreamrl import families

EXAMPLES = """\
  dreamrl families
  dreamrl families --json
"""


@dataclasses.dataclass(frozen=True)
class Options:
    """List the families of problems, and how many problems each has."""

    json: bool = False
    """Print one JSON object instead."""


def run(options: Options) -> None:
    instances = [families.make(name) for name in families.NAMES]
    if options.json:
        # Not above: the list of names need not wait for agents and references.
        from dreamrl.cli.values import print_json

        print_json(
            {
                f.name: {
                    "train_ids": list(f.train_ids),
                    "test_ids": list(f.test_ids),
                    "horizon": f.horizon,
                    "actions": getattr(f.action_space, "n", None),
                }
                for f in instances
            }
        )
        return
    print(f"{'family':<17} {'training':>8} {'unseen':>8} {'horizon':>8}  what differs")
    for f in instances:
        unseen = len({*f.test_ids} - {*f.train_ids})
        summary = (type(f).__doc__ or "").strip().split("\n")[0].split(": ")[-1]
        print(f"{f.name:<17} {len(f.train_ids):>8} {unseen:>8} {f.horizon:>8}  {summary}")
