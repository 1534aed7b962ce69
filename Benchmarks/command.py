"""What the benchmarks' commands have in common: their options, what they say, and how they end."""

import argparse
import signal
import sys

from processes import Failed


def some_of(names):
    """A parser of A,B for an option; keeps the order of `names`."""

    def parse(text):
        wanted = text.split(",")
        if unknown := [name for name in wanted if name not in names]:
            raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(names)}")
        return [name for name in names if name in wanted]

    return parse


def count(text):
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return int(text)


def say(text):
    print(f"  .. {text}", file=sys.stderr, flush=True)


def run(main):
    """Runs `main`; what it started is stopped on the way out, also after a signal."""

    def end(number, _frame):
        sys.exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    try:
        main()
    except (Failed, OSError, ValueError) as error:
        sys.exit(f"shop: the benchmark ended: {error}")
