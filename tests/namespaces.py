"""Network namespaces as machines: each has its own ports and an interface on a common switch. Linux, as root.

    with switched_network({"target": 1, "one": 2, "two": 2}) as network:
        spawn("server", network.machines["target"].command([*argv, "--host", network.machines["target"].address]))
        network.unplug("two")

Nothing is left behind, however the process that makes them ends. A namespace lives as long as a process in it, and
each is held by a `cat` that the kernel kills together with us. A pair of interfaces goes with either of its ends, so
ours, in the namespace that we run in, goes with the switch.
"""

import fcntl
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadlab.processes import Child, spawn
from loadlab.processes.proc import list_pids

# 198.18.0.0/15 is set aside for measurements between networks (RFC 2544), so it is nobody's.
_SUBNETS: Final = tuple(f"198.18.{number}." for number in range(256))
_INTERFACE: Final = "eth0"
_SLOW_WIRE: Final = Path(__file__).with_name("slow_wire.py")
_numbers: Final = itertools.count(1)
_GONE_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Namespace:
    """One machine: its name, its addresses on the network, and the process that keeps its namespace."""

    name: str
    addresses: tuple[str, ...]
    holder: Child

    @property
    def address(self) -> str:
        """The first of its addresses."""
        return self.addresses[0]

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return a command that runs `argv` in the namespace; its process is that of `argv` itself."""
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "--", *argv]

    def processes(self) -> list[int]:
        """Return the processes that run in the namespace, without its holder."""
        own = os.stat(f"/proc/{self.holder.pid}/ns/net").st_ino
        return [pid for pid in list_pids() if pid != self.holder.pid and _network_of(pid) == own]


@dataclass(frozen=True, slots=True)
class Network:
    """Machines by name, joined by a switch; this process reaches them from `address`, and they it."""

    address: str
    machines: dict[str, Namespace]
    switch: Child

    def unplug(self, name: str) -> None:
        """Cut a machine off, as if its cable were pulled: packets are lost without a word to either side."""
        _configure(self.switch, f"link set {name} down")

    def plug(self, name: str) -> None:
        """Connect it again."""
        _configure(self.switch, f"link set {name} up")


def why_no_namespaces() -> str | None:
    """Return why namespaces cannot be made here, None if they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if missing := [program for program in ("ip", "nsenter", "unshare") if shutil.which(program) is None]:
        return f"{' and '.join(missing)} is not installed"
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode != 0:
        return "this container may not make network namespaces"
    return None


@contextmanager
def switched_network(addresses: Mapping[str, int], delays_ms: Mapping[str, float] | None = None) -> Iterator[Network]:
    """Make a machine of each name (at most 15 letters), with so many addresses; all together at most 253.

    Every packet from and to a machine that is in `delays_ms` takes so much longer.
    """
    delays_ms = delays_ms or {}
    ours = f"lab{os.getpid()}-{next(_numbers)}"
    with ExitStack() as stack:
        stack.callback(_wait_gone, ours)
        switch = stack.enter_context(_namespace("switch"))
        holders = {name: stack.enter_context(_namespace(name)) for name in addresses}
        # No two processes at the same time may find the same subnet free.
        with open(Path(tempfile.gettempdir()) / "loadlab-namespaces.lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            subnet = _free_subnet()
            pool = (f"{subnet}{number}" for number in range(1, 255))
            our_address = next(pool)
            machines = {
                name: Namespace(name, tuple(next(pool) for _ in range(count)), holders[name])
                for name, count in addresses.items()
            }
            _configure(
                switch,
                "link add name switch type bridge",
                "link set switch up",
                f"link add name uplink type veth peer name {ours} netns {os.getpid()}",
                *(
                    f"link add name {name} type veth peer name {_INTERFACE} netns {holder.pid}"
                    for name, holder in holders.items()
                    if name not in delays_ms
                ),
            )
            for name, delay_ms in delays_ms.items():
                stack.enter_context(_slow_wire(delay_ms, switch, name, holders[name]))
            _configure(switch, *(f"link set {port} master switch up" for port in ("uplink", *holders)))
            _configure(None, f"address add {our_address}/24 dev {ours}", f"link set {ours} up")
        for machine in machines.values():
            _configure(
                machine.holder,
                "link set lo up",
                *(f"address add {address}/24 dev {_INTERFACE}" for address in machine.addresses),
                f"link set {_INTERFACE} up",
            )
        yield Network(our_address, machines, switch)


@contextmanager
def _namespace(name: str) -> Iterator[Child]:
    """Make a network namespace without interfaces; give the process that holds it."""
    with spawn(f"namespace {name}", ["unshare", "--net", "cat"], stdin=True, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write(b"\n")
        assert holder.stdout.readline() == b"\n", holder.account()  # it is in its namespace by then
        yield holder


@contextmanager
def _slow_wire(delay_ms: float, switch: Child, name: str, machine: Child) -> Iterator[None]:
    places = [str(switch.pid), name, str(machine.pid), _INTERFACE]
    command = [sys.executable, str(_SLOW_WIRE), str(delay_ms), *places]
    with spawn("slow wire", command, stdout=subprocess.PIPE) as wire:
        assert wire.stdout is not None
        assert wire.stdout.readline(), wire.account()
        yield


def _configure(holder: Child | None, *commands: str) -> None:
    """Carry out commands of ip's in the namespace of `holder`, or in ours."""
    entering = [] if holder is None else ["nsenter", f"--net=/proc/{holder.pid}/ns/net", "--"]
    ended = subprocess.run(
        [*entering, "ip", "-batch", "-"], input="\n".join(commands), capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        raise OSError(f"the network could not be set up: {ended.stderr}")


def _free_subnet() -> str:
    found = subprocess.run(["ip", "-json", "-4", "address"], capture_output=True, check=True).stdout
    taken = [address["local"] for interface in json.loads(found) for address in interface["addr_info"]]
    return next(subnet for subnet in _SUBNETS if not any(address.startswith(subnet) for address in taken))


def _wait_gone(interface: str) -> None:
    """Wait until the kernel has taken an interface away: it does so some time after its other end."""
    deadline = time.monotonic() + _GONE_SECONDS
    while Path(f"/sys/class/net/{interface}").exists():
        assert time.monotonic() < deadline, f"{interface} is left"
        time.sleep(_LOOK_SECONDS)


def _network_of(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:  # it has ended
        return None
