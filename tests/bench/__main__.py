"""Run all benchmarks, or those named: `make bench ARGS="imports warm"`."""

import sys

from . import http, imports, listing, mqtt, warm

ALL = {
    "imports": imports.run,
    "warm": warm.run,
    "http": http.run,
    "mqtt": mqtt.run,
    "listing": listing.run,
}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(ALL)}", file=sys.stderr)
        return 2
    for name in names or ALL:
        print(f"\n{name}: {ALL[name].__doc__}")
        for line in ALL[name]():
            print(f"  {line}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
