"""A headless Chromium driven over its DevTools pipe: the real judge of a page, without any library in between.

The protocol is JSON messages that end in a NUL byte, on descriptors 3 (in) and 4 (out) of the browser.
https://chromedevtools.github.io/devtools-protocol/
"""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_DEADLINE_SECONDS = 60.0
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)


class Browser:
    """One tab. Everything that went wrong in a page is in `problems`, everything it asked for in `requested`."""

    def __init__(self, commands: int, answers: int) -> None:
        self.problems: list[str] = []
        self.requested: list[str] = []
        self._commands = commands
        self._answers = answers
        self._received = bytearray()
        self._last_id = 0
        self._loaded: set[str] = set()  # the navigations (loaders) whose pages have loaded
        self._session: str | None = None
        tab = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def open(self, page: Path, width: int = 1280) -> None:
        """Load a file and wait until it and its scripts are done."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        # By its loader: the load event of the page before may come late.
        loader = self.call("Page.navigate", url=page.resolve().as_uri())["loaderId"]
        while loader not in self._loaded:
            self._take_message()

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send one command and return its result."""
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._take_message()
            if answer.get("id") == self._last_id:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result

    def evaluate(self, script: str) -> Any:  # noqa: ANN401 - any JSON
        """Return the JSON value of an expression in the page; a promise is awaited."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def _take_message(self) -> dict[str, Any]:
        """Wait for the next message, and keep what it tells about the page."""
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"the browser said nothing for {_DEADLINE_SECONDS} s"
            chunk = os.read(self._answers, 1 << 20)
            assert chunk, "the browser ended"
            self._received += chunk
        raw, _, rest = self._received.partition(b"\0")
        self._received = rest
        message: dict[str, Any] = json.loads(raw)
        parameters = message.get("params", {})
        match message.get("method"):
            case "Page.lifecycleEvent" if parameters["name"] == "load":
                self._loaded.add(parameters["loaderId"])
            case "Runtime.exceptionThrown":
                self.problems.append(str(parameters["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if parameters["type"] in {"error", "warning", "assert"}:
                self.problems.append(str(parameters["args"]))
            case "Log.entryAdded":
                self.problems.append(parameters["entry"]["text"])
            case "Page.javascriptDialogOpening":
                self.problems.append(f"a dialog opened: {parameters['message']}")
            case "Network.requestWillBeSent":
                self.requested.append(parameters["request"]["url"])
        return message


@contextmanager
def open_browser(program: str, profile: Path) -> Iterator[Browser]:
    """Run `program` with its data in the empty directory `profile`, and end it with all its processes."""
    browser_in, our_out = os.pipe()
    our_in, browser_out = os.pipe()
    # The shell moves the pipes to the two descriptors that the browser expects; subprocess cannot.
    move = 'read_from=$1 write_to=$2; shift 2; exec "$@" 3<&"$read_from" 4>&"$write_to"'
    command = ["bash", "-c", move, "bash", str(browser_in), str(browser_out)]
    process = subprocess.Popen(
        [*command, program, *_FLAGS, f"--user-data-dir={profile}"],
        pass_fds=(browser_in, browser_out),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(browser_in)
    os.close(browser_out)
    try:
        yield Browser(our_out, our_in)
    finally:
        os.close(our_out)
        os.close(our_in)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
