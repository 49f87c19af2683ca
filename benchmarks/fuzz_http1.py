"""Mutated HTTP responses, many of them: how each ends, and how long the slowest takes.

    .venv/bin/python -m benchmarks.fuzz_http1 [--responses 1000000] [--seed 0]

Each response is valid or up to three steps away from that, and read three times: cut into up to six pieces with parsers
that have read all responses before it, whole with parsers that have made a pattern of the valid one, and whole with new
ones. All have to end alike, in an outcome, not in another exception. docs/benchmarks.md keeps the figures;
tests/unit/protocols does the same for a few thousand.
"""

import argparse
import sys
import time
from collections import Counter
from random import Random

from loadlab.protocols.http1 import ResponseParsers
from tests.unit.protocols.mutations import make_response, mutate, read_pieces, split


def main() -> None:
    """Read the responses and print how they ended."""
    parser = argparse.ArgumentParser(description="read mutated HTTP responses")
    parser.add_argument("--responses", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    endings: Counter[str] = Counter()
    slowest_ns = differing = 0
    shared = ResponseParsers()
    for number in range(arguments.responses):
        random = Random(f"{arguments.seed} {number}")
        valid = make_response(random)
        raw = mutate(random, valid)
        then_end = random.random() < 0.7
        pieces = split(random, raw)
        start_ns = time.process_time_ns()
        reading = read_pieces(shared, pieces, then_end)
        slowest_ns = max(slowest_ns, time.process_time_ns() - start_ns)
        endings[reading.ending] += 1
        taught = ResponseParsers()
        for _ in range(2):
            read_pieces(taught, [valid], then_end=True)
        for others in (ResponseParsers(), taught):
            if read_pieces(others, [raw], then_end) != reading:
                differing += 1
                print(f"response {number} is read differently in pieces: {pieces!r}")
    for ending, count in endings.most_common():
        print(f"{ending:12} {count:10,}")
    print(f"read differently in pieces than whole: {differing:,}; slowest: {slowest_ns / 1e3:,.0f} us of CPU time")
    sys.exit(bool(differing))


if __name__ == "__main__":
    main()
