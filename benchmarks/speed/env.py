"""Steps a second of each built-in family, random actions: python -m benchmarks.speed.env."""

import json
import sys

from benchmarks.program import parser, program
from dreamrl.bench import env_speed
from dreamrl.families import NAMES


@program
def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--batch", type=int, default=2048)
    arguments.add_argument("--json", action="store_true", help="print one JSON object instead")
    asked = arguments.parse_args()
    results = [env_speed(name, asked.batch) for name in NAMES]
    if asked.json:
        print(json.dumps({result["family"]: result for result in results}))
        return
    print(f"{'family':<17}{'M steps/s':>10}{'slowest':>10}{'fastest':>10}{'compile, s':>12}")
    for result in results:
        rates = [result[key] / 1e6 for key in ("steps_per_second", "slowest", "fastest")]
        columns = "".join(f"{rate:10.1f}" for rate in rates)
        print(f"{result['family']:<17}{columns}{result['compile_seconds']:12.1f}")


if __name__ == "__main__":
    sys.exit(main())
