"""The state of H.248 contexts over time, as values."""

from __future__ import annotations

import msgspec


class StreamState(msgspec.Struct, frozen=True):
    """One stream of a termination.

    Args:
        number: StreamID.
        mode: as ordered last, such as `SendReceive`; empty while nobody has set it.
        transport: `<proto>` of Local, else of Remote: `TCP/TLS`, `udptl`.
        setup: a=setup of Local, which gives the gateway its role; empty where it has none.
        local, remote: where the gateway receives, and where it is told to send; empty while not chosen or not told.
        local_path, remote_path: a=path of MSRP.
        properties: the other ones of LocalControl, such as `ipdc/realm=access.example.net`.
    """

    number: int
    mode: str = ""
    transport: str = ""
    setup: str = ""
    local: str = ""
    remote: str = ""
    local_path: str = ""
    remote_path: str = ""
    properties: tuple[str, ...] = ()

    def __str__(self) -> str:
        setup = f" a=setup:{self.setup}" if self.setup else ""
        told = (self.mode, f"{self.transport}{setup}".strip(), self.local and f"at {self.local}",
                self.remote and f"towards {self.remote}", *self.properties)
        return f"stream {self.number}: {', '.join(filter(None, told)) or 'nothing set'}"


class TerminationState(msgspec.Struct, frozen=True):
    """A termination in its context.

    Args:
        name: TerminationID.
        streams: in order of their StreamIDs.
        events: those armed, by the Events descriptor that holds.
        signals: those of the Signals descriptor that holds, such as that which lets a TLS client begin.
        service: `InService`, `OutOfService` or `Test`; empty while nobody has said it.
    """

    name: str
    streams: tuple[StreamState, ...] = ()
    events: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    service: str = ""

    def __str__(self) -> str:
        told = [*map(str, self.streams)]
        if self.events:
            told.append(f"events {', '.join(self.events)}")
        if self.signals:
            told.append(f"signals {', '.join(self.signals)}")
        if self.service:
            told.append(self.service)
        return f"{self.name}: {'; '.join(told)}" if told else self.name


class ContextState(msgspec.Struct, frozen=True):
    """A context from one change to the next.

    Args:
        time, frame: of the message with which the change came into force: the reply, or what the gateway announced.
        change: what changed, in words.
        terminations: those in the context now, in order of their coming.
        topology: as set, such as `ip/1/a Isolate ip/1/b`; empty: everybody with everybody.
    """

    time: float
    frame: int
    change: str
    terminations: tuple[TerminationState, ...] = ()
    topology: tuple[str, ...] = ()


class ContextHistory(msgspec.Struct, frozen=True):
    """An H.248 context, from the first that is seen of it to its end.

    Args:
        gateway, controller: nodes.
        number: ContextID; the gateway may give it again to a later context.
        since: time of the first state.
        until: when its last termination left; None while it stands.
        states: one for each change, in order.
        begun: its making was seen; else it is older than the capture.
        left_out: how many changes are not among `states`, since there are too many; the last one always is.
    """

    gateway: str
    controller: str
    number: int
    since: float
    until: float | None
    states: tuple[ContextState, ...]
    begun: bool = True
    left_out: int = 0
