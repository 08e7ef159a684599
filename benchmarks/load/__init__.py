"""Load on a gateway that is a process of its own: orders from a controller, streams through it, every octet checked.

    import load

    with load.agw() as agw, load.Streams(agw.host, load.Client("ue")) as streams:
        contexts = agw.controller.set_up(100, load.Kind.TLS, core=streams.core, client=streams.client)
        streams.open(contexts, octets=1_000_000)
        streams.run(streams.done)
        print(agw.cpu(), agw.resident(), streams.troubles())

For benchmarks, and for the tests of faults. Everything is on loopback, at an address of its own for each gateway where
the system has more than one (Linux), so that several runs do not meet.
"""

from __future__ import annotations

from load.attacks import HalfOpen, Silent, SlowLoris
from load.client import Client
from load.content import Content
from load.controller import Context, Controller, Kind, Refused
from load.ends import End, Pair
from load.faxes import Fax
from load.hellos import Hellos
from load.limits import room_for
from load.ordering import contexts_of, ordering
from load.process import Agw, NotStarted, Process, agw, left_at, own_address, sockets_at
from load.streams import Streams

__all__ = [
    "Agw", "Client", "Content", "Context", "Controller", "End", "Fax", "HalfOpen", "Hellos", "Kind", "NotStarted",
    "Pair", "Process", "Refused", "Silent", "SlowLoris", "Streams", "agw", "contexts_of", "left_at", "ordering",
    "own_address", "room_for", "sockets_at",
]
