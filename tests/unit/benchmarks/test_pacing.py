"""The arithmetic of benchmarks/pacing.py, which needs no load."""

from benchmarks.pacing import lateness_of_gaps, read_wrk2


def test_a_perfect_client_is_late_by_what_is_left_of_the_gap() -> None:
    # One request each millisecond for a tenth of a second; those at 10, 11 and 12 ms wait until 12.5.
    late = lateness_of_gaps([(9_500_000, 12_500_000), (20_100_000, 20_900_000)], 1_000, 0.1)
    assert late[50.0] == 0
    assert late[99.0] == 1_500_159  # the top of its bucket
    assert late[99.9] == 2_500_000


def test_the_percentiles_that_wrk2_prints() -> None:
    printed = """
  Latency Distribution (HdrHistogram - Recorded Latency)
 50.000%  912.00us
 75.000%    1.10ms
 90.000%    1.36ms
 99.000%    2.01ms
 99.900%    1.02s
 99.990%    1.50m
100.000%    1.50m
"""
    assert read_wrk2(printed) == {50.0: 912_000, 99.0: 2_010_000, 99.9: 1_020_000_000}
