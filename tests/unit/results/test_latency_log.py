from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from loadlab.recording.buckets import HIGHEST_NS
from loadlab.recording.histogram import Histogram
from loadlab.results.latency_log import LatencyInterval, format_latency_log, parse_latency_log, parse_latency_rounds


def filled(*values_ns: int) -> Histogram:
    histogram = Histogram()
    histogram.fold(values_ns)
    return histogram


INTERVALS = [
    LatencyInterval(0.0, 1.0, {"response": filled(1_000_000, 2_500_000), "service": filled(900_000)}),
    LatencyInterval(1.0, 1.75, {"response": filled(4_000_000), "service": Histogram()}),
]


def test_a_line_for_each_interval_and_metric() -> None:
    lines = [line for line in format_latency_log(INTERVALS).splitlines() if line.startswith("Tag=")]
    assert [line.rsplit(",", 1)[0] for line in lines] == [
        "Tag=response,0.000,1.000,2.500",
        "Tag=service,0.000,1.000,0.900",
        "Tag=response,1.000,0.750,4.000",
        "Tag=service,1.000,0.750,0.000",
    ]


def test_reading_merges_the_intervals() -> None:
    merged = parse_latency_log(format_latency_log(INTERVALS))
    assert {metric: histogram.count for metric, histogram in merged.items()} == {"response": 3, "service": 1}
    assert merged["response"].values_at([50.0, 100.0]) == pytest.approx({50.0: 2_500_000, 100.0: 4_000_000}, rel=1e-3)


def test_the_intervals_of_one_metric_can_be_read_apart() -> None:
    text = format_latency_log(INTERVALS)
    assert [histogram.count for histogram in parse_latency_rounds(text, "response")] == [2, 1]
    assert [histogram.count for histogram in parse_latency_rounds(text, "service")] == [1, 0]
    assert parse_latency_rounds(text, "connect") == []


def test_the_hdrhistogram_package_reads_it_too(tmp_path: Path) -> None:
    path = tmp_path / "latency.hlog"
    path.write_text(format_latency_log(INTERVALS))
    reader = HistogramLogReader(str(path), HdrHistogram(1, HIGHEST_NS, 3))
    try:
        read = [reader.get_next_interval_histogram() for _ in range(4)]
        assert reader.get_next_interval_histogram() is None
    finally:
        reader.close()
    assert [(each.get_tag(), each.get_total_count()) for each in read] == [
        ("response", 2),
        ("service", 1),
        ("response", 1),
        ("service", 0),
    ]
    assert read[0].get_start_time_stamp() == 0
    assert read[2].get_end_time_stamp() == pytest.approx(1750)


def test_comments_and_the_legend_are_not_data() -> None:
    assert parse_latency_log("#[StartTime: 1]\n\n" + format_latency_log([])) == {}


@pytest.mark.parametrize(
    "line", ["Tag=response,0,1", "Tag=response,0,1,2,HISTF", "Tag=response,0,1,2,HISTFAAAAEV42pNpmSz", "nonsense"]
)
def test_a_damaged_line_is_reported_by_its_number(line: str) -> None:
    with pytest.raises(ValueError, match="line 3 is not an interval histogram"):
        parse_latency_log(format_latency_log([]) + line + "\n")
