"""The capture of a node that runs alone: pcapng in the form of a run's, written as things happen.

Where this process may see real packets, those of the node's own endpoints are in it (`lab.tapping`); elsewhere, packets
rebuilt from what the node heard and ordered. After a kill -9 the file is whole up to the last packet.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from workbench.analysis.pcapng import Writer
from workbench.errors import CaptureError, LocalProtocolError
from workbench.lab.rebuilding import Rebuilder
from workbench.lab.trace import Entry
from workbench.net.values import Endpoint, LogKeys

REBUILT = "rebuilt from socket octets: addresses, ports, payload and order are real; TCP's own segments are not"
_CLOSING = 4_096
_LEAST = 65_536
_OVERHEAD = 64


class Plan(msgspec.Struct, frozen=True):
    """What a capture says of a node's surroundings.

    Args:
        wires: address, or address and port (`str(Endpoint)`), to the wire (interface) that packets there are shown on.
        names: address to node.
        raw: the node itself handles whole packets: they are recorded as they are, and wires are names only.
    """

    wires: Mapping[str, str]
    names: Mapping[str, str]
    raw: bool = False

    @property
    def addresses(self) -> list[str]:
        """The node's own."""
        return list(dict.fromkeys(map(_host, self.wires)))


def planned(name: str, wires: Mapping[str, str], others: Iterable[Endpoint]) -> Plan:
    """A plan in which the node's addresses have its name, unless another node of its settings has them too."""
    hosts = dict.fromkeys(_host(place) for place in wires)
    taken = {other.host for other in others}
    return Plan(wires, {host: name for host in hosts if host not in taken})


def _host(place: str) -> str:
    """The address of a place that is one, or an endpoint in text."""
    if place.startswith("["):
        return place[1:].partition("]")[0]
    return place if place.count(":") > 1 else place.partition(":")[0]


class CaptureFile:
    """A capture that is being written, of bounded size.

    Args:
        path: the file; what it held is replaced.
        plan: see `Plan`.
        size: octets that it may have; packets that do not fit are left out and counted.
        keylog: TLS secrets go into it.
        comment: on the section.

    Raises:
        CaptureError: the file can't be written.
    """

    def __init__(self, path: Path, plan: Plan, size: int, *, keylog: bool, comment: str = "") -> None:
        self.path = path
        self.packets = 0
        self.left_out = 0
        self.failed = ""
        self._plan = plan
        self._room = max(size, _LEAST) - _CLOSING
        self._keylog = keylog
        self._writer = Writer(path, comment=comment)
        self._wires: dict[str, int] = {}
        try:
            self._wires = {wire: self._writer.interface(wire) for wire in dict.fromkeys((*plan.wires.values(), "host"))}
            self._writer.names(plan.names)
            self._writer.flush()
        except OSError as error:
            self._close()
            raise CaptureError(f"{path}: {error.strerror or error}") from None
        self._counts = dict.fromkeys(self._wires.values(), 0)

    def packet(self, at: Endpoint | str, octets: bytes, time_ns: int, why: str = "") -> None:
        """Write one: about which endpoint, or on which wire, and why it was sent."""
        need = len(octets) + len(why) * 4 + _OVERHEAD
        if self.failed or self._writer.octets + need > self._room:
            self.left_out += 1
            return
        wire = self._wires[self._wire(at)]
        try:
            self._writer.packet(wire, time_ns, octets, why)
        except OSError as error:
            self._fail(error)
            return
        self.packets += 1
        self._counts[wire] += 1

    def secret(self, line: str) -> None:
        """Put a line of a TLS key log in, if that is wanted."""
        if not self._keylog or self.failed or self._writer.octets + len(line) + _OVERHEAD > self._room:
            return
        try:
            self._writer.secrets(line.rstrip("\n") + "\n")
        except OSError as error:
            self._fail(error)

    def flush(self) -> None:
        """What is written is in the file then, whatever becomes of this process."""
        try:
            self._writer.flush()
        except OSError as error:
            self._fail(error)

    def close(self, lost: int = 0) -> str:
        """End the file; what there is to say of it. `lost`: packets that nobody fetched in time."""
        said = f"{self.packets} packets in {self.path}"
        losses = [f"{lost} were lost because the capture did not keep up"] if lost else []
        if self.left_out:
            losses.append(f"{self.left_out} were left out because the file is full")
        self._finish(lost, "; ".join(losses))
        return "; ".join((said, *losses, *filter(None, [self.failed])))

    def _wire(self, at: Endpoint | str) -> str:
        if isinstance(at, str):
            return at if at in self._wires else "host"
        return self._plan.wires.get(str(at)) or self._plan.wires.get(at.host) or "host"

    def _fail(self, error: OSError) -> None:
        self.failed = self.failed or f"the file could not be written on: {error.strerror or error}"

    def _finish(self, lost: int, losses: str) -> None:
        now = time.time_ns()
        try:
            for number, (wire, count) in enumerate(self._counts.items()):
                self._writer.statistics(
                    wire, now, received=count + (0 if number else lost + self.left_out),
                    lost=0 if number else lost + self.left_out, comment="" if number else losses)
        except OSError as error:
            self._fail(error)
        self._close()

    def _close(self) -> None:
        try:
            self._writer.close()
        except OSError as error:
            self._fail(error)


class Recorder:
    """Records packets that are rebuilt from a node's entries, or that the node itself handles whole.

    Args:
        path, plan, size, keylog: see `CaptureFile`.
        epoch: Unix seconds at which entries' time is 0.

    Raises:
        CaptureError: the file can't be written.
    """

    kinds: frozenset[type] | None = None
    real = False

    def __init__(self, path: Path, plan: Plan, epoch: float, *, size: int, keylog: bool) -> None:
        self.path = path
        self.file = CaptureFile(path, plan, size, keylog=keylog, comment="" if plan.raw else REBUILT)
        self._epoch_ns = round(epoch * 1e9)
        self._rebuilder = Rebuilder()

    def __call__(self, entry: Entry) -> None:
        """Record an entry."""
        if isinstance(entry.what, LogKeys):
            self.file.secret(entry.what.line)
        time_ns = self._epoch_ns + round(entry.time * 1e9)
        try:
            made = list(self._rebuilder.packets(entry))
        except LocalProtocolError:  # what can't be a packet was not sent either
            return
        for one in made:
            self.file.packet(one.at, one.octets, time_ns, one.why)
        if made:
            self.file.flush()

    def close(self) -> str:
        """End the file; what there is to say of it."""
        return self.file.close()
