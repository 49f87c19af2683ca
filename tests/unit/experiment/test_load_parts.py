"""The parts that the load of a trial is divided into."""

from loadlab.experiment.load_parts import format_request, interval_of, load_parts
from loadlab.fleet.division import Share
from loadlab.fleet.messages import LoadPart
from loadlab.profile.schema import LoadProfile

MS = 1_000_000
SECOND = 1000 * MS
SHARES: list[Share] = [[(None, 3)], [("127.1.0.1", 2)]]


def parts_of(**load: object) -> list[LoadPart]:
    load = {"connections": 5, "duration": "2s", **load}
    profile = LoadProfile.model_validate({"name": "x", "target": {"server": "epoll"}, "load": load})
    return load_parts(profile, ("127.0.0.1", 8080), 7, 61, SHARES)


def test_each_worker_has_its_share_of_connections_and_the_whole_schedule() -> None:
    first, second = parts_of(rate=1000, warmup="1s")
    assert (first.sources, second.sources) == (SHARES[0], SHARES[1])
    assert [(part.share, part.shares) for part in (first, second)] == [(0, 2), (1, 2)]
    assert first.schedule == second.schedule == [(2 * SECOND, 1000.0, 1000.0)]
    assert (first.warmup_ns, first.duration_ns, first.seed, first.stamped_every) == (SECOND, 2 * SECOND, 7, 61)


def test_slow_senders_are_divided_without_a_remainder() -> None:
    parts = parts_of(slow_connections=3)
    assert sorted(part.slow_connections for part in parts) == [1, 2]


def test_requests_are_encoded_once_with_their_weights() -> None:
    (first, _) = parts_of(mix=[{"path": "/hello", "weight": 3}, {"path": "/sleep?ms=1"}])
    assert first.kinds == [
        ("GET /hello HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n", 200, 3),
        ("GET /sleep?ms=1 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n", 200, 1),
    ]


def test_an_ipv6_host_stands_in_brackets() -> None:
    assert format_request(("::1", 8080), "/") == "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"


def test_the_port_of_http_is_not_named() -> None:
    assert format_request(("127.0.0.1", 80), "/") == "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    assert format_request(("::1", 80), "/") == "GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n"
    assert format_request(("127.0.0.1", 18080), "/") == "GET / HTTP/1.1\r\nHost: 127.0.0.1:18080\r\n\r\n"


def test_intervals_are_short_enough_for_progress_and_few_enough_for_long_runs() -> None:
    assert interval_of(300 * MS) == 250 * MS
    assert interval_of(4 * SECOND) == 500 * MS
    assert interval_of(60 * SECOND) == SECOND
    assert interval_of(86_400 * SECOND) == 86_400 * MS
