"""Settings of a load that need or exclude one another: reported at their place, over the whole sweep."""

from functools import partial
from pathlib import Path

import pytest

from ..reading import find_mistakes, read_profile

METRICS = {"requests_per_second", "cost_ns", "failures", "kinds.NAME.requests"}
LOAD = "name: x\ntarget: {server: epoll}\nload:\n  connections: 4\n  duration: 1s\n"


read = partial(read_profile, metrics=METRICS)
mistakes = partial(find_mistakes, metrics=METRICS)


@pytest.mark.parametrize(
    ("added", "reported"),
    [
        (
            "  path: /a\n  mix: [{path: /hello}]\n",
            "x.yaml:6:3: load.path: has no effect with load.mix, whose requests",
        ),
        ("  expect_status: 404\n  mix: [{path: /hello}]\n", "x.yaml:6:3: load.expect_status: has no effect with load"),
        (
            "  mix: [{path: /hello}]\nsweep: {target.handler: [cpu]}\n",
            "x.yaml:7:9: sweep.target.handler: has no effect",
        ),
        ("  mix: [{path: /a}, {path: /b, name: a}]\n", "x.yaml:6:21: load.mix: repeats the name 'a';"),
        (
            "  mix: [{path: /a}, {path: /a}]\n",
            "x.yaml:6:21: load.mix: repeats the name 'a'; give each",
        ),
        (
            "  mix: [{path: /a, name: 'a b'}]\n",
            "x.yaml:6:26: load.mix.name: must be a name of at most 64 ASCII",
        ),
        ("  mix: [{path: /a, weight: 0}]\n", "x.yaml:6:28: load.mix.weight: must be at least 1, not 0"),
        ("  mix: [{path: /a, wieght: 1}]\n", "x.yaml:6:20: load.mix.wieght: unknown key; did you mean 'weight'?"),
        ("  mix: [{path: a}]\n", "x.yaml:6:16: load.mix.path: must be a request path that starts with /"),
        ("  mix: [{weight: 2}]\n", "x.yaml:6:9: load.mix.path: missing; this key is required"),
        (
            "  mix: [/hello]\n",
            "x.yaml:6:9: load.mix: must be a mapping with keys such as method, path and headers",
        ),
        ("  mix: []\n", "x.yaml:6:8: load.mix: must not be empty"),
        (f"  mix: [{', '.join(f'{{path: /{n}}}' for n in range(17))}]\n", "x.yaml:6:8: load.mix: must have at most 16"),
        ("  mix: /hello\n", "x.yaml:6:8: load.mix: must be a list, not '/hello'"),
        ("sweep: {load.mix: [1]}\n", "x.yaml:6:9: sweep.load.mix: cannot be swept, because its value is a list"),
        ("  senders: sluggish\n", "x.yaml:6:12: load.senders: must be 'fast' or 'slow', not 'sluggish'"),
        (
            "  pace: 5ms\n",
            "x.yaml:6:3: load.pace: has no effect without slow senders; set senders: slow or slow_con",
        ),
        (
            "  senders: slow\n  slow_connections: 2\n",
            "x.yaml:7:3: load.slow_connections: has no effect with senders: s",
        ),
        ("sweep: {load.pace: [5ms]}\n", "x.yaml:6:9: sweep.load.pace: has no effect without slow senders"),
        ("  idle_kind: noisy\n", "x.yaml:6:14: load.idle_kind: must be 'silent', 'trickle' or 'churn', not 'noisy'"),
        (
            "  idle_pace: 5s\n",
            "x.yaml:6:3: load.idle_pace: has no effect on silent connections; set idle_kind to t",
        ),
        ("plot: {x: load.idle, y: cost}\n", "x.yaml:6:25: plot.y: there is no metric 'cost'; did you mean 'cost_ns'?"),
        (
            "  mix: [{path: /a}, {path: /b}]\nplot: {x: load.idle, y: kinds.c.requests}\n",
            "x.yaml:7:25: plot.y: the load has no request 'c'; its requests are a and b",
        ),
        (
            "expect: [kinds.hello.requests > 0]\n",
            "x.yaml:6:10: expect: the load has no request 'hello'; only those of load.mix",
        ),
        (
            "  mix: [{path: /a}]\nexpect: [kinds.a.request > 0]\n",
            "x.yaml:7:10: expect: there is no metric 'kinds.a.request'; did you mean 'kinds.a.requests'?",
        ),
        ("  mix: [{path: /slow-senders}]\n", "x.yaml:6:9: load.mix: the name slow-senders is reserved for"),
        ("plot: {x: target.pool}\n", "x.yaml:6:11: plot.x: 'target.pool' is not a path of the profile"),
        ("  arrivals: poisson\n", "x.yaml:6:3: load.arrivals: has no effect without load.rate; set that"),
        ("  spin: 0\n", "x.yaml:6:3: load.spin: has no effect without load.rate; set that"),
        ("sweep: {load.spin: [0, 1ms]}\n", "x.yaml:6:9: sweep.load.spin: has no effect without load.rate; set that"),
        (
            "  arrivals: random\n  rate: 5\n",
            "x.yaml:6:13: load.arrivals: must be 'constant' or 'poisson', not 'random'",
        ),
        ("  rate: 5\n  spin: 11ms\n", "x.yaml:7:9: load.spin: must be at most 10ms, not '11ms'"),
        (
            "  rate: 5\n  think: 1s\n",
            "x.yaml:7:3: load.think: has no effect with load.rate, which does not wait for users; remove one",
        ),
        ("  think: 1s\nsweep: {load.rate: [1k]}\n", "x.yaml:6:3: load.think: has no effect with load.rate"),
        ("  rate: 5\nsweep: {load.think: [0, 1s]}\n", "x.yaml:7:9: sweep.load.think: has no effect with load.rate"),
        ("  rate: 5\n  think_times: exponential\n", "x.yaml:7:3: load.think_times: has no effect with load.rate"),
        ("  think_times: exponential\n", "x.yaml:6:3: load.think_times: has no effect without load.think; set that"),
        (
            "  think: 1s\n  senders: slow\n",
            "x.yaml:6:3: load.think: has no effect with senders: slow, which never pause; remove one of the two",
        ),
        ("  think: 61m\n", "x.yaml:6:10: load.think: must be at most 1h, not '61m'"),
        (
            "  think: 1s\n  think_times: poisson\n",
            "x.yaml:7:16: load.think_times: must be 'constant' or 'exponential', not 'poisson'",
        ),
        (
            "  rate: 5\n  senders: slow\n",
            "x.yaml:7:12: load.senders: cannot be combined with load.rate; remove one",
        ),
        (
            "  rate: 5\nsweep: {load.senders: [fast, slow]}\n",
            "x.yaml:7:30: sweep.load.senders: cannot be combined with load.rate; remove",
        ),
        (
            "  rate: [{for: 2s, from: 1k}]\n",
            "x.yaml:5:13: load.duration: must be 2s, the sum of the stages of load.rate, not '1s'",
        ),
        (
            "  rate: [{for: 1s, from: 1k}]\nsweep: {load.duration: [1000ms, 2s]}\n",
            "x.yaml:7:33: sweep.load.duration: must be 1s, the sum of the stages of load.rate",
        ),
        ("probes: [cpu, procfs, cpu]\n", "x.yaml:6:23: probes: 'cpu' repeats the probe cpu; list each probe once"),
        (
            "probes: [syscalls, 'syscalls:perf']\n",
            "x.yaml:6:20: probes: 'syscalls:perf' repeats the probe syscalls; list each",
        ),
        (
            "probes: [perf]\n",
            "x.yaml:6:10: probes: must be 'procfs', 'sockets', 'syscalls', 'syscalls:bpftrace', 'syscalls:perf', "
            "'syscalls:strace' or 'cpu', not 'perf'",
        ),
        ("probes: {cpu: on}\n", "x.yaml:6:9: probes: must be a list, not a mapping"),
        (
            "probes: gpu\n",
            "x.yaml:6:9: probes: must be all, or a list of procfs, sockets, syscalls, cpu, not 'gpu'",
        ),
        ("sweep: {probes: [cpu]}\n", "x.yaml:6:9: sweep.probes: cannot be swept; only settings of target, load"),
    ],
)
def test_settings_of_a_load_that_do_not_go_together(tmp_path: Path, added: str, reported: str) -> None:
    (line,) = mistakes(tmp_path, LOAD + added)
    assert line.startswith(reported)


@pytest.mark.parametrize(
    "added",
    [
        "  senders: slow\n  pace: 5ms\n",
        "  slow_connections: 3\n  pace: 5ms\n",
        "  pace: 5ms\nsweep: {load.slow_connections: [0, 3]}\n",
        "  pace: 5ms\nsweep: {load.senders: [fast, slow]}\n",
        "  slow_connections: 3\nsweep: {load.senders: [fast, slow]}\n",
        "  pace: 10ms\n  idle_pace: 1s\n  slow_connections: 0\n",  # the defaults, as a dumped profile has them
        "  expect_status: [2xx, 3xx]\n  path: ~\n  mix: [{path: /hello}]\n",
        "  idle_kind: churn\n  idle_pace: 5s\n",
        "  idle_pace: 5s\nsweep: {load.idle_kind: [silent, trickle]}\n",
        "  mix: [{path: /a}, {path: /a, name: b}]\n",
        "sweep: {target.pool: [1, 2]}\nplot: {x: target.pool, y: requests_per_second}\n",
        "  mix: [{path: /a}]\nexpect: [kinds.a.requests > 0]\n",
        "  mix: [{path: /a}]\nplot: {x: load.idle, y: kinds.a.requests}\n",
        "  slow_connections: 1\nexpect: [kinds.hello.requests > 0, kinds.slow-senders.requests > 0]\n",
        "  rate: 5\n  arrivals: poisson\n  spin: 0\n  slow_connections: 2\n",
        "  arrivals: poisson\nsweep: {load.rate: [1k, 5k]}\n",
        "  rate: 5\n  think: 0s\n  think_times: constant\n  senders: fast\n",
        "  think: 0\n  arrivals: constant\n  spin: 1ms\n  rate: ~\n",
        "  think: 1h\n  think_times: exponential\n",
        "  think_times: exponential\nsweep: {load.think: [0, 1s]}\n",
        "  think: 1s\nsweep: {load.senders: [fast, slow]}\n",
        "  rate: [{for: 700ms, from: 1k}, {for: 300ms, from: 0}]\n",
        "  rate: [{for: 2s, from: 1k}]\nsweep: {load.duration: [2s]}\n",
        "probes: [sockets, cpu, syscalls, procfs]\n",
        "probes: []\n",
        "probes: all\n",
        "  path: /b?c\nsweep: {load.slow_connections: [0, 1]}\nplot: {x: load.idle, y: 'kinds.b?c.requests'}\n",
    ],
)
def test_settings_of_a_load_that_go_together(tmp_path: Path, added: str) -> None:
    assert read(tmp_path, LOAD + added).kind == "load"
