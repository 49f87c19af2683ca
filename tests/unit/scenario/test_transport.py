"""What a request looks like on the wire, under which name it counts, and which exceptions failures become."""

from typing import Any

import httpx
import pytest

from loadlab.kernel import Loop, run
from loadlab.load.failures import Failure
from loadlab.recording.outcomes import Outcome
from loadlab.scenario.failures import RequestFailed, failure_in, raise_as_httpx, timeout_ns
from loadlab.scenario.transport import expected_statuses, format_head

from .state import AUTHORITY, state_of, transport_of, user_of

URL = f"http://{AUTHORITY}"


def test_a_head_has_the_fields_as_they_were_given() -> None:
    request = httpx.Request("PUT", "http://x/a%20b?q=1#part", headers=[("X-Own", "1"), ("x-own", "2")], content=b"abc")
    assert format_head(request) == (
        b"PUT /a%20b?q=1 HTTP/1.1\r\nHost: x\r\nX-Own: 1\r\nx-own: 2\r\nContent-Length: 3\r\n\r\n"
    )


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\r\nb: c", "a\0", "\n"])
@pytest.mark.parametrize("in_name", [False, True])
def test_a_field_that_would_be_several_is_refused(value: str, in_name: bool) -> None:
    request = httpx.Request("GET", "http://x/", headers={value: "v"} if in_name else {"X": value})
    with pytest.raises(httpx.LocalProtocolError):
        format_head(request)


@pytest.mark.parametrize(
    ("value", "statuses"),
    [
        (404, {404}),
        ("2xx", set(range(200, 300))),
        ("4XX", set(range(400, 500))),
        ([404, "5xx"], {404, *range(500, 600)}),
        ((201, 202), {201, 202}),
        (httpx.codes.NOT_FOUND, {404}),
        ([], set()),
    ],
)
def test_statuses_that_a_request_expects(value: object, statuses: set[int]) -> None:
    assert expected_statuses(value) == statuses


@pytest.mark.parametrize("value", ["404", "ok", None, 4.5, ["2x"]])
def test_what_is_no_status(value: object) -> None:
    with pytest.raises(ValueError, match=r"expect_status must be .* not "):
        expected_statuses(value)


@pytest.mark.parametrize(
    ("outcome", "phase", "kind"),
    [
        (Outcome.REFUSED, "connect", httpx.ConnectError),
        (Outcome.UNREACHABLE, "connect", httpx.ConnectError),
        (Outcome.TLS, "connect", httpx.ConnectError),
        (Outcome.NO_FILE_DESCRIPTOR, "connect", httpx.ConnectError),
        (Outcome.CONNECT_TIMEOUT, "connect", httpx.ConnectTimeout),
        (Outcome.TIMEOUT, "connect", httpx.PoolTimeout),
        (Outcome.TIMEOUT, "write", httpx.WriteTimeout),
        (Outcome.TIMEOUT, "read", httpx.ReadTimeout),
        (Outcome.RESET, "write", httpx.WriteError),
        (Outcome.RESET, "read", httpx.ReadError),
        (Outcome.TLS, "read", httpx.ReadError),
        (Outcome.CLOSED_EARLY, "read", httpx.RemoteProtocolError),
        (Outcome.MALFORMED, "read", httpx.RemoteProtocolError),
        (Outcome.TOO_LARGE, "read", httpx.RemoteProtocolError),
    ],
)
def test_a_failure_is_the_exception_that_httpx_has_for_it(outcome: Outcome, phase: str, kind: type[Exception]) -> None:
    request, failure = httpx.Request("GET", URL), Failure(outcome, "why")
    with pytest.raises(httpx.TransportError) as caught:
        raise_as_httpx(failure, request, phase)
    assert type(caught.value) is kind
    assert (str(caught.value), caught.value.request) == ("why", request)
    cause = caught.value.__cause__
    assert isinstance(cause, RequestFailed)
    assert cause.failure is failure


def test_a_timeout_says_what_was_late() -> None:
    assert "answer" in failure_in("read", TimeoutError()).reason
    assert "did not take" in failure_in("write", TimeoutError()).reason


def test_limits_are_in_ns_and_none_is_none() -> None:
    limits: dict[str, Any] = httpx.Timeout(1.5, read=None).as_dict()
    assert timeout_ns(limits, "connect") == 1_500_000_000
    assert timeout_ns(limits, "read") > 10**17
    assert timeout_ns({}, "read") > 10**17


class TestNames:
    """Under which name a request counts."""

    def named(self, *requests: tuple[str, dict[str, Any]], name: str = "", recorded: bool = True) -> list[str | None]:
        """Return the names of requests to these paths with these extensions; `name` is said before the first."""

        async def main(loop: Loop) -> list[str | None]:
            state = state_of(loop)
            transport = transport_of(state)
            transport.recorded = recorded
            transport.next_name = name or None
            exchanges = [
                await transport.begin(httpx.Request("GET", URL + path, extensions=extensions))
                for path, extensions in requests
            ]
            kinds = [exchange.kind for exchange in exchanges]
            return [None if kind is None else state.samples.labels[kind][1] for kind in kinds]

        return run(main)

    def test_of_its_own(self) -> None:
        assert self.named(("/items/17?page=2", {}), ("/items/18", {})) == ["GET /items/{id}"] * 2

    def test_by_an_extension(self) -> None:
        assert self.named(("/items/17", {"name": "item"}), ("/", {"name": 7})) == ["item", "7"]

    def test_by_the_user_for_one_request(self) -> None:
        assert self.named(("/a", {"name": "item"}), ("/b", {}), name="mine") == ["mine", "GET /b"]

    def test_what_is_not_recorded_has_none(self) -> None:
        assert self.named(("/a", {}), recorded=False) == [None]

    def test_a_name_is_used_up_by_a_request_that_is_not_recorded(self) -> None:
        async def main(loop: Loop) -> str | None:
            user = user_of(state_of(loop))
            transport = user._transport
            transport.recorded = False
            user.name("start")
            await transport.begin(httpx.Request("GET", URL))
            return transport.next_name

        assert run(main) is None


def test_no_request_is_begun_while_the_gate_is_closed() -> None:
    async def main(loop: Loop) -> list[int]:
        state, counts = state_of(loop, is_open=False), []
        transport = transport_of(state)
        async with loop.task_group() as group:
            group.start(transport.begin(httpx.Request("GET", URL)), "request")
            for _ in range(3):
                await loop.yield_now()
            counts.append(len(state.under_way))
            state.gate.open()
        counts.append(len(state.under_way))
        transport.recorded = False
        state.gate.close()
        await transport.begin(httpx.Request("GET", URL))  # of on_stop
        return [*counts, len(state.under_way)]

    assert run(main) == [0, 1, 2]
