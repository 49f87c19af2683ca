"""An idle holder process, `python -m loadlab.fleet.holder`: opens idle connections and holds them to the end."""

from loadlab.fleet.channel import Channel, end_with_input_only
from loadlab.fleet.messages import Alive, CountAlive, IdlePart, Opened, OpenedSoFar
from loadlab.kernel.loop import Loop, run
from loadlab.kernel.tls import TlsClient
from loadlab.load.idle import IdleConnections, IdleSource
from loadlab.protocols.openings import Upgrade


async def hold(loop: Loop) -> None:
    """Serve one IdlePart; end when the coordinator does."""
    channel = Channel(loop)
    part = await channel.receive()
    if not isinstance(part, IdlePart):
        return
    if isinstance(part.opening, Upgrade):
        end_with_input_only()
    endpoint, trickles = part.endpoint, part.behaviour == "trickle"
    tls = TlsClient(endpoint.tls) if endpoint.tls is not None else None
    connections = IdleConnections(loop, endpoint.address, part.request, part.timeout_ns, tls, trickles, part.opening)

    async def open_all() -> None:
        sources = [IdleSource(address, count) for address, count in endpoint.sources]
        opening = await connections.open(
            sources, part.round_size, on_progress=lambda opened: channel.send(OpenedSoFar(opened))
        )
        channel.send(Opened(opening.opened, opening.seconds, opening.bytes_per_connection, opening.problem))
        if trickles:
            await connections.trickle(part.pace_ns)
        elif part.behaviour == "churn":
            await connections.churn(part.pace_ns)

    async with loop.task_group() as group:
        group.start(open_all(), "open idle connections")
        group.start(connections.attend(), "attend to idle connections")
        while (command := await channel.receive()) is not None:
            if isinstance(command, CountAlive):
                channel.send(Alive(connections.count_alive(), connections.pings, connections.received_bytes))
        group.cancel()
    await connections.wait_closed()


if __name__ == "__main__":
    run(hold)
