"""Steps a second of training, and what a start costs: python benchmarks/train_speed.py."""

import argparse
import json

from dreamrl.bench import train_speed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--family", default="distracting-bus")
    parser.add_argument("--chunks", type=int, default=6, help="of 25 iterations each")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    arguments = parser.parse_args()
    result = train_speed(arguments.family, chunks=arguments.chunks)
    if arguments.json:
        print(json.dumps(result))
        return
    print(f"{result['agent']} on {result['family']}, all updates included")
    print(f"{result['steps_per_second']:12,.0f} environment steps/s")
    print(f"{result['compile_seconds']:12.1f} s of compiling, cold")
    print(f"{result['second_start_seconds']:12.1f} s to the first step of a second start")
    print(f"{result['peak_memory_mb']:12,.0f} MB of memory at most")


if __name__ == "__main__":
    main()
