"""How far `loadlab ab` can be believed: two identical servers are not called different, and 5 % of cost is found.

    .venv/bin/python -m benchmarks.a_a [--runs 100] [--only identical | width | dearer]

Each run is a `loadlab ab` of its own with new servers, as two processes of one program need not be equally fast. Of
`--runs` runs of 8 s with identical servers a difference should be claimed in 5 % for each figure; a fifth as many of
16 s have the half-width of throughput, and show whether a handler that costs 5 % more is found. The figures hold for
the machine that it runs on: the scatter of trials of 1 s, which it prints as well, is what they are to be compared
with. docs/benchmarks.md keeps them. It takes half an hour; Ctrl-C ends a part with what was measured until then.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from loadlab.results.paired import Difference
from loadlab.results.run import RunDocument
from loadlab.results.trial import Round

CONNECTIONS: Final = 16
SHORT_SECONDS: Final = 8
LONG_SECONDS: Final = 16
DEARER: Final = 0.05
THROUGHPUT: Final = "requests_per_second"
CPU: Final = "target.cpu_ns_per_request"

_PROBED_STEPS: Final = 400
_ROOT: Final = Path(__file__).parent.parent
_PROFILE: Final = """\
name: a-a
target: {server: epoll, handler: hello}
load: {connections: %d, duration: 1s, warmup: 500ms}
"""


def main() -> None:
    """Run the comparisons and print what they claimed."""
    parser = argparse.ArgumentParser(description="compare identical servers, and one that is 5 %% dearer")
    parser.add_argument("--runs", type=int, default=100, help="of 8 s, with identical servers; of 16 s a fifth")
    parser.add_argument("--only", choices=("identical", "width", "dearer"))
    arguments = parser.parse_args()
    parts = [arguments.only] if arguments.only else ["identical", "width", "dearer"]
    fifth = max(1, arguments.runs // 5)
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder, "a-a.yaml")
        profile.write_text(_PROFILE % CONNECTIONS, encoding="utf-8")
        if "identical" in parts:
            report_identical(compare_often(profile, arguments.runs, SHORT_SECONDS, [], []))
        if "width" in parts:
            report_width(compare_often(profile, fifth, LONG_SECONDS, [], []))
        if "dearer" in parts:
            report_dearer(profile, fifth)


def report_identical(documents: Iterable[RunDocument]) -> None:
    """Print in how many runs each figure was claimed to differ, although nothing does."""
    found: dict[str, list[Difference]] = {}
    scatters, runs = [], 0
    for document in documents:
        runs += 1
        scatters += [scatter_of_seconds(trial.rounds) for trial in document.trials]
        for difference in _differences(document):
            found.setdefault(difference.metric, []).append(difference)
    if not runs:
        return
    print(f"identical servers, {runs} runs of {SHORT_SECONDS} s: a difference is claimed in")
    for metric, differences in found.items():
        claimed = sum(each.is_clear for each in differences)
        largest = max(abs(each.change or 0.0) for each in differences)
        print(
            f"  {metric:28} {claimed:3} of {runs} runs; half-width {_median_half_width(differences):6.2%} (median), "
            f"largest change {largest:6.2%}"
        )
    print(f"  throughput of trials of 1 s scatters by {statistics.median(scatters):.1%} within a run (median)")


def report_width(documents: Iterable[RunDocument]) -> None:
    """Print how narrow the interval of throughput is."""
    found = [each for document in documents for each in _differences(document) if each.metric == THROUGHPUT]
    if not found:
        return
    widths = sorted(_half_width(each) for each in found)
    claimed = sum(each.is_clear for each in found)
    print(
        f"identical servers, {len(widths)} runs of {LONG_SECONDS} s: half-width of throughput "
        f"{statistics.median(widths):.2%} (median), {widths[0]:.2%} to {widths[-1]:.2%}; claimed {claimed} times"
    )


def report_dearer(profile: Path, runs: int) -> None:
    """Print in how many runs it is found that a handler costs 5 % more."""
    steps = steps_for(profile, DEARER)
    names = Counter[str]()
    changes: dict[str, list[float]] = {THROUGHPUT: [], CPU: []}
    for document in compare_often(profile, runs, LONG_SECONDS, _counting(0), _counting(steps)):
        for difference in _differences(document):
            if difference.metric in changes and difference.change is not None:
                is_worse = (difference.change > 0) == (difference.metric == CPU)
                names[difference.metric] += difference.is_clear and is_worse
                changes[difference.metric].append(difference.change)
    runs = len(changes[THROUGHPUT])
    print(f"a handler that counts {steps} steps further, {runs} runs of {LONG_SECONDS} s: found in")
    for metric, found in changes.items():
        if not found:
            continue
        print(f"  {metric:28} {names[metric]:3} of {runs} runs; change {statistics.median(found):+.2%} (median)")


def steps_for(profile: Path, share: float) -> int:
    """Return how far a handler has to count to cost that much more CPU time, by a comparison with a known number."""
    [document] = compare_often(profile, 1, LONG_SECONDS, _counting(0), _counting(_PROBED_STEPS))
    change = next(each.change for each in _differences(document) if each.metric == CPU)
    if not change or change < 0:
        sys.exit(f"{_PROBED_STEPS} steps cost nothing that could be measured ({change}); run it on a quieter machine")
    return max(1, round(_PROBED_STEPS * share / change))


def compare_often(profile: Path, runs: int, seconds: int, a: Sequence[str], b: Sequence[str]) -> Iterator[RunDocument]:
    """Yield what each of so many comparisons found, until Ctrl-C; `a` and `b` are settings of each side."""
    for number in range(1, runs + 1):
        command = [sys.executable, "-m", "loadlab", "ab", str(profile), "--within", "0", "--at-most", f"{seconds}s"]
        settings = [part for option, own in (("--a", a), ("--b", b)) for each in own for part in (option, each)]
        settings = settings or ["--a", "load.idle=0", "--b", "load.idle=0"]
        try:
            ended = subprocess.run([*command, "--json", *settings], capture_output=True, text=True, cwd=_ROOT)
        except KeyboardInterrupt:
            break
        if not ended.stdout:
            sys.exit(ended.stderr)
        document = RunDocument.model_validate_json(ended.stdout)
        throughput = next(each for each in _differences(document) if each.metric == THROUGHPUT)
        found = f"{throughput.change or 0.0:+.2%} +- {_half_width(throughput):.2%}"
        print(f"{number} of {runs}: throughput {found}", file=sys.stderr, flush=True)
        yield document


def scatter_of_seconds(rounds: Sequence[Round]) -> float:
    """Return the coefficient of variation of throughput over stretches of 1 s that the slices make up."""
    rates = [each.requests_per_second for each in rounds if each.requests_per_second is not None]
    seconds = [statistics.fmean(rates[start : start + 10]) for start in range(0, len(rates) - 9, 10)]
    return statistics.stdev(seconds) / statistics.fmean(seconds) if len(seconds) > 1 else 0.0


def _counting(steps: int) -> list[str]:
    command = [sys.executable, "-m", "benchmarks.dearer_server", str(steps), "--port", "{port}"]
    return [f"target.command={json.dumps(command)}", f"target.cwd={_ROOT}", "load.request.path=/hello"]


def _differences(document: RunDocument) -> list[Difference]:
    assert document.ab is not None
    return [each for each in document.ab.differences if each.interval is not None]


def _half_width(difference: Difference) -> float:
    assert difference.interval is not None
    return (difference.interval[1] - difference.interval[0]) / 2


def _median_half_width(differences: Iterable[Difference]) -> float:
    return statistics.median(map(_half_width, differences))


if __name__ == "__main__":
    main()
