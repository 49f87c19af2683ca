"""A WSGI application without any framework."""

from collections.abc import Callable, Iterable


def app(environ: dict[str, object], start_response: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    """Answer every request alike."""
    body = b'{"ok": true}\n'
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
