"""The network of this host for one node: orders in, happenings out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.errors import LocalProtocolError
from workbench.net.arrivals import Arrivals
from workbench.net.interface import Capabilities
from workbench.net.sockets.conversions import ConvertingSide
from workbench.net.sockets.entries import Entry, Limits
from workbench.net.sockets.splices import SplicingSide
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    BindDatagrams,
    Command,
    Convert,
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
    Unconvert,
    Unlisten,
    Unsplice,
)


class SocketNetwork(ConvertingSide, SplicingSide):
    """Implements `net.interface.Network` for one node on this host's addresses.

    Args:
        node: name of the node; happenings are addressed to it.
        limits: see `Limits`.
        arrivals: where happenings wait for the node; networks of several nodes share one.
    """

    def __init__(self, node: str, limits: Limits | None = None, arrivals: Arrivals | None = None) -> None:
        super().__init__(node, limits, arrivals)
        self.capabilities = Capabilities(holds_syn=False, packets=False, splice=True, convert=True)
        self._orders = self._carriers()

    def carry(self, sender: str, command: Command, now: float) -> None:
        """Carry out one command.

        An order for a stream that has ended is too late rather than wrong, and does nothing.

        Raises:
            NetworkError: this host does not give us an address or port.
            LocalProtocolError: an order that this network can't carry, or one that is not legal for the stream.
        """
        carry = self._orders.get(type(command))
        if carry is None:
            raise LocalProtocolError(f"this host's network does not carry {type(command).__name__}")
        carry(command)

    def _carriers(self) -> dict[type, Callable[[Any], None]]:
        """How each command is carried out."""
        return {
            SendDatagram: lambda order: self._send_datagram(order.local, order.remote, order.data),
            SendStream: lambda order: self._send(order.stream, order.data),
            OpenStream: lambda order: self._open(order.stream),
            AcceptStream: lambda order: self._accept(order.stream),
            RefuseStream: lambda order: self._abort(order.stream),
            AbortStream: lambda order: self._abort(order.stream),
            EndStream: lambda order: self._end(order.stream),
            PauseStream: lambda order: self._pause(order.stream, order.paused),
            Splice: self._splice,
            Unsplice: lambda order: self._unsplice(order.a),
            BindDatagrams: lambda order: self._bind(order.local),
            UnbindDatagrams: lambda order: self._unbind(order.local),
            Convert: self._convert,
            Unconvert: lambda order: self._unconvert(order.a),
            Listen: lambda order: self._listen(order.local),
            Unlisten: lambda order: self._unlisten(order.local),
            Prefer: lambda order: self._prefer(order.local),
            **dict.fromkeys((Drop, Note, LogKeys), lambda _: None),
        }

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
