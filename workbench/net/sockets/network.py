"""The network of this host for one node: orders in, happenings out."""

from __future__ import annotations

from workbench.errors import LocalProtocolError
from workbench.net.arrivals import Arrivals
from workbench.net.interface import Capabilities
from workbench.net.sockets.datagrams import DatagramSide
from workbench.net.sockets.entries import Entry, Limits
from workbench.net.sockets.splices import SplicingSide
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    BindDatagrams,
    Command,
    Drop,
    EndStream,
    Listen,
    LogKeys,
    Note,
    OpenStream,
    PauseStream,
    Prefer,
    RefuseStream,
    SendDatagram,
    SendStream,
    Splice,
    UnbindDatagrams,
    Unlisten,
    Unsplice,
)


class SocketNetwork(DatagramSide, SplicingSide):
    """Implements `net.interface.Network` for one node on this host's addresses.

    Args:
        node: name of the node; happenings are addressed to it.
        limits: see `Limits`.
        arrivals: where happenings wait for the node; networks of several nodes share one.
    """

    def __init__(self, node: str, limits: Limits | None = None, arrivals: Arrivals | None = None) -> None:
        super().__init__(node, limits, arrivals)
        self.capabilities = Capabilities(holds_syn=False, packets=False, splice=True)

    def carry(self, sender: str, command: Command, now: float) -> None:
        """Carry out one command.

        An order for a stream that has ended is too late rather than wrong, and does nothing.

        Raises:
            NetworkError: this host does not give us an address or port.
            LocalProtocolError: an order that this network can't carry, or one that is not legal for the stream.
        """
        match command:
            case SendDatagram(local, remote, data):
                self._send_datagram(local, remote, data)
            case SendStream(stream, data):
                self._send(stream, data)
            case OpenStream(stream):
                self._open(stream)
            case AcceptStream(stream):
                self._accept(stream)
            case RefuseStream(stream) | AbortStream(stream):
                self._abort(stream)
            case EndStream(stream):
                self._end(stream)
            case PauseStream(stream, paused):
                self._pause(stream, paused)
            case Splice():
                self._splice(command)
            case Unsplice(stream):
                self._unsplice(stream)
            case BindDatagrams(local):
                self._bind(local)
            case UnbindDatagrams(local):
                self._close(self._bound.pop(local, None))
            case Listen(local):
                self._listen(local)
            case Unlisten(local):
                self._unlisten(local)
            case Prefer(local):
                self._prefer(local)
            case Drop() | Note() | LogKeys():
                pass
            case _:
                raise LocalProtocolError(f"this host's network does not carry {type(command).__name__}")

    def figures(self) -> dict[str, dict[str, float]]:
        """How many sockets do what now, for those who run the node."""
        opening = sum(connection.opening for connection in self._streams.values())
        offered = sum(connection.offered for connection in self._streams.values())
        return {"sockets": {
            "opening": opening, "offered": offered, "open": len(self._streams) - opening - offered,
            "listening": len(self._listening), "datagrams": len(self._bound)}}

    def close(self) -> None:
        """Give back every socket; streams that are still open are reset."""
        for connection in list(self._streams.values()):
            self._abort(connection.stream)
        entries: list[Entry] = [*self._bound.values(), *self._listening.values()]
        for entry in entries:
            self._close(entry)
        self._bound.clear()
        self._listening.clear()
        super().close()
