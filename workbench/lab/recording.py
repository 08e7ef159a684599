"""The capture of a node that runs alone: pcapng in the form of a run's, written as things happen.

Where this process may see real packets (`net.listening`), those of the node's own endpoints are in it; elsewhere,
packets rebuilt from what the node heard and ordered. After a kill -9 the file is whole up to the last packet.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from workbench.analysis.pcapng import Writer
from workbench.errors import CaptureError, LocalProtocolError
from workbench.lab.rebuilding import Rebuilder, Rebuilt
from workbench.lab.trace import Entry
from workbench.net.listening import Listening
from workbench.net.values import (
    BindDatagrams,
    Endpoint,
    Listen,
    LogKeys,
    OpenStream,
    Stream,
)

REBUILT = "rebuilt from socket octets: addresses, ports, payload and order are real; TCP's own segments are not"
_CLOSING = 4_096
_LEAST = 65_536
_OVERHEAD = 64
_TURN = 0.1
_PATIENCE = 5.0


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


class Recorder:
    """Writes a capture.

    Args:
        path: the file; what it held is replaced.
        plan: see `Plan`.
        epoch: Unix seconds at which entries' time is 0.
        listening: where real packets come from; None: they are rebuilt.
        size: octets that the file may have; packets that do not fit are left out and counted.
        keylog: TLS secrets go into the file.

    Raises:
        CaptureError: the file can't be written.
    """

    def __init__(
        self, path: Path, plan: Plan, epoch: float, *, listening: Listening | None, size: int, keylog: bool,
    ) -> None:
        self.path = path
        self.packets = 0
        self.left_out = 0
        self.failed = ""
        self._plan = plan
        self._epoch_ns = round(epoch * 1e9)
        self._listening = listening
        self._room = max(size, _LEAST) - _CLOSING
        self._keylog = keylog
        self._rebuilder = Rebuilder()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._writer = Writer(path, comment=REBUILT if listening is None and not plan.raw else "")
        self._wires: dict[str, int] = {}
        try:
            self._wires = {wire: self._writer.interface(wire) for wire in dict.fromkeys((*plan.wires.values(), "host"))}
            self._writer.names(plan.names)
            self._writer.flush()
        except OSError as error:
            self._close()
            raise CaptureError(f"{path}: {error.strerror or error}") from None
        self._counts = dict.fromkeys(self._wires.values(), 0)
        # Real packets are seen by a thread; what it needs of the node's entries is which endpoints there are.
        self.kinds = None if listening is None else frozenset((BindDatagrams, Listen, OpenStream, LogKeys))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        if listening is not None:
            self._thread.start()

    @property
    def real(self) -> bool:
        """Packets are those of the wire, not rebuilt ones."""
        return self._listening is not None or self._plan.raw

    def __call__(self, entry: Entry) -> None:
        """Record an entry."""
        match entry.what:
            case LogKeys(line):
                self._secret(line)
            case BindDatagrams(local) | Listen(local) | OpenStream(Stream(local)) if self._listening is not None:
                self._listening.own(local)
            case _ if self._listening is None:
                self._rebuild(entry)

    def close(self) -> str:
        """End the file; what there is to say of it."""
        lost = 0
        if self._listening is not None:
            self._over.set()
            self._thread.join(_PATIENCE)
            lost = self._listening.dropped()
            self._listening.close()
        said = f"{self.packets} packets in {self.path}"
        losses = [f"{lost} were lost because the capture did not keep up"] if lost else []
        if self.left_out:
            losses.append(f"{self.left_out} were left out because the file is full")
        with self._lock:
            self._finish(lost, "; ".join(losses))
        return "; ".join((said, *losses, *filter(None, [self.failed])))

    # What is written

    def _rebuild(self, entry: Entry) -> None:
        time_ns = self._epoch_ns + round(entry.time * 1e9)
        try:
            made = list(self._rebuilder.packets(entry))
        except LocalProtocolError:  # what can't be a packet was not sent either
            return
        with self._lock:
            for one in made:
                self._write(one, time_ns)
            if made:
                self._flush()

    def _listen(self) -> None:
        assert self._listening is not None
        seen = True
        while seen or not self._over.is_set():  # what waits when the node ends is still fetched
            seen = False
            for one in self._listening.wait(0.0 if self._over.is_set() else _TURN):
                seen = True
                with self._lock:
                    self._write(Rebuilt(one.at, one.octets), one.time_ns)
            if seen:
                with self._lock:
                    self._flush()

    def _write(self, one: Rebuilt, time_ns: int) -> None:
        need = len(one.octets) + len(one.why) * 4 + _OVERHEAD
        if self.failed or self._writer.octets + need > self._room:
            self.left_out += 1
            return
        wire = self._wires[self._wire(one.at)]
        try:
            self._writer.packet(wire, time_ns, one.octets, one.why)
        except OSError as error:
            self._fail(error)
            return
        self.packets += 1
        self._counts[wire] += 1

    def _wire(self, at: Endpoint | str) -> str:
        if isinstance(at, str):
            return at if at in self._wires else "host"
        return self._plan.wires.get(str(at)) or self._plan.wires.get(at.host) or "host"

    def _secret(self, line: str) -> None:
        if not self._keylog:
            return
        with self._lock:
            if self.failed or self._writer.octets + len(line) + _OVERHEAD > self._room:
                return
            try:
                self._writer.secrets(line.rstrip("\n") + "\n")
            except OSError as error:
                self._fail(error)
            self._flush()

    def _flush(self) -> None:
        try:
            self._writer.flush()
        except OSError as error:
            self._fail(error)

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
