"""Runs random schedules between the workbench's stack and this kernel's TCP, over a TUN device.

Started by test_tcp_against_linux.py in a network namespace of its own, which the kernel takes back however this
process ends. Loss, reordering and duplication are applied here, between the device and the stack, from a seed. All
schedules of a run share the device and overlap in time. Prints one JSON object a schedule; exit 77: no device.

    unshare --net python tests/net/linux_tcp.py --seed 1 --schedules 240
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import fcntl
import heapq
import json
import os
import selectors
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from random import Random

from msgspec import structs

from workbench.errors import WorkbenchError
from workbench.net.packets import RST, TCP, decode_ip, decode_tcp, endpoints
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    BindDatagrams,
    Command,
    DatagramFailed,
    DatagramReceived,
    Endpoint,
    EndStream,
    Happening,
    Listen,
    OpenStream,
    PauseStream,
    SendDatagram,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamOffered,
    StreamOpened,
    Unlisten,
)
from workbench.net.virtual.host import Put, Stack
from workbench.net.virtual.settings import Settings

_TUNSETIFF = 0x400454CA
_IFF_TUN_NO_PI = 0x1001
_KERNEL = {4: "10.77.0.1", 6: "fd77::1"}

# Timers are short, so that hundreds of schedules with losses take seconds; their order is that of the field.
_QUICK = Settings(rto_initial=0.2, rto_min=0.04, rto_max=2.0, retries=25, syn_retries=10, ack_delay=0.01, msl=0.05,
                  keep_alive=1.0, keep_alive_probes=20)
# Three hosts of ours: one with defaults (window scale), one with little memory that acknowledges at once, one on IPv6.
_STACKS = {
    "10.77.0.2": _QUICK,
    "10.77.0.3": structs.replace(_QUICK, receive_limit=5000, send_limit=4000, mss=536, ack_delay=0.0, gaps_limit=16),
    "fd77::2": _QUICK,
}

_LIMIT = 45.0           # seconds a schedule may take
_AT_ONCE = 60


class Device:
    """The TUN device, our stacks behind it, and what happens to packets between the two."""

    def __init__(self, seed: int) -> None:
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.fd, _TUNSETIFF, struct.pack("16sH22x", b"wb0", _IFF_TUN_NO_PI))
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.fd, selectors.EVENT_READ, self._read)
        self.ends: dict[Endpoint, OurEnd] = {}
        self.behaviours: dict[Endpoint, Behaviour] = {}
        self.datagrams: list[Happening] = []
        self.packets = 0
        self.zero_windows = {"kernel": 0, "ours": 0}
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self.stacks = {address: Stack(frozenset([address]), lambda source, destination: "tun",
                                      Random(f"{seed}:{address}"), settings) for address, settings in _STACKS.items()}

    def at(self, moment: float, action: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._later, (moment, self._count, action))

    def carry(self, command: Command, address: str) -> None:
        self._settle(self.stacks[address].carry(command, time.monotonic()))

    def turn(self) -> None:
        """Wait for whatever comes first, and let it happen."""
        now = time.monotonic()
        due = [moment for moment in (self._later[0][0] if self._later else None,
                                     *(stack.next_wakeup() for stack in self.stacks.values())) if moment is not None]
        for key, events in self.selector.select(max(0.0, min([*due, now + 0.5]) - now)):
            key.data(events)
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            heapq.heappop(self._later)[2]()
        for stack in self.stacks.values():
            self._settle(stack.wake(now))

    def _read(self, events: int) -> None:
        for _ in range(100):
            try:
                packet = os.read(self.fd, 65536)
            except BlockingIOError:
                return
            self._count_packet(packet, "kernel")
            destination = decode_ip(packet).destination
            if destination in self.stacks:
                self._impair(packet, lambda packet=packet, destination=destination: self._settle(
                    self.stacks[destination].receive("tun", packet, time.monotonic())))

    def _settle(self, outcomes: list[Put | Happening]) -> None:
        for outcome in outcomes:
            match outcome:
                case Put(_, packet):
                    self._count_packet(packet, "ours")
                    self._impair(packet, lambda packet=packet: self._write(packet))
                case DatagramFailed() | DatagramReceived():
                    self.datagrams.append(outcome)
                case _:
                    self.ends[outcome.stream.local].hear(outcome)

    def _count_packet(self, packet: bytes, whose: str) -> None:
        self.packets += 1
        ip = decode_ip(packet)
        if ip.protocol == TCP:
            segment = decode_tcp(ip)
            self.zero_windows[whose] += segment.window == 0 and not segment.flags & RST

    def _write(self, packet: bytes) -> None:
        try:
            os.write(self.fd, packet)
        except OSError as error:        # the device's queue is full: one more lost packet
            if error.errno not in (errno.ENOBUFS, errno.EAGAIN):
                raise

    def _impair(self, packet: bytes, deliver: Callable[[], None]) -> None:
        ends = endpoints(decode_ip(packet))
        behaviour = None if ends is None else self.behaviours.get(ends[0]) or self.behaviours.get(ends[1])
        if behaviour is None:
            deliver()
            return
        for delay in behaviour.delays():
            self.at(time.monotonic() + delay, deliver)


class Behaviour:
    """What happens to the packets of one connection."""

    def __init__(self, random: Random) -> None:
        self._random = random
        harsh = random.random()
        self.loss = random.choice((0.0, 0.02, 0.05, 0.1)) if harsh > 0.2 else 0.0
        self.reorder = random.choice((0.0, 0.05, 0.2)) if harsh > 0.2 else 0.0
        self.duplicate = random.choice((0.0, 0.05, 0.1)) if harsh > 0.2 else 0.0
        self.delay = random.choice((0.0, 0.002, 0.01))

    def delays(self) -> list[float]:
        random = self._random
        if random.random() < self.loss:
            return []
        delay = self.delay + (random.uniform(0.002, 0.03) if random.random() < self.reorder else 0.0)
        return [delay, delay + random.uniform(0, 0.02)] if random.random() < self.duplicate else [delay]


class End:
    """One side of a connection that follows a script: write, sleep, pause, await the peer's end, end, abort."""

    def __init__(self, device: Device, script: list[tuple[str, object]]) -> None:
        self.device = device
        self.script = list(script)
        self.received = bytearray()
        self.sent = bytearray()
        self.heard_end = self.has_ended = False
        self.outcome: str | None = None
        self._sleeping = self._running = False

    def run(self) -> None:
        """Go on with the script as far as it goes."""
        if self._running or self._sleeping:
            return
        self._running = True
        while self.script and self.outcome is None:
            verb, argument = self.script[0]
            if verb == "await end" and not self.heard_end:
                break
            if verb == "write":
                rest = self.write(argument)
                if rest:
                    self.script[0] = ("write", rest)
                    break
            self.script.pop(0)
            if verb == "sleep":
                self._sleeping = True
                self.device.at(time.monotonic() + argument, self._awake)
                break
            if verb == "pause":
                self.pause(True)
                self.device.at(time.monotonic() + argument, lambda: self.outcome is None and self.pause(False))
            elif verb == "end":
                self.has_ended = True
                self.end()
            elif verb == "abort":
                self.outcome = "aborted"
                self.abort()
        self._running = False

    def _awake(self) -> None:
        self._sleeping = False
        self.run()


class OurEnd(End):
    """The workbench's side."""

    def __init__(self, device: Device, stream: Stream, script: list[tuple[str, object]], hold_syn: float) -> None:
        super().__init__(device, script)
        self.stream = stream
        self._hold_syn = hold_syn
        device.ends[stream.local] = self

    def _carry(self, command: Command) -> None:
        self.device.carry(command, self.stream.local.host)

    def listen(self) -> None:
        self._carry(Listen(self.stream.local))

    def open(self) -> None:
        self._carry(OpenStream(self.stream))

    def hear(self, happened: Happening) -> None:
        if self.outcome is not None:
            return
        match happened:
            case StreamOffered(stream):
                self.stream = stream
                self.device.at(time.monotonic() + self._hold_syn, lambda: self._carry(AcceptStream(stream)))
            case StreamOpened():
                self._carry(Unlisten(self.stream.local))    # a duplicate of the SYN is not another connection
                self.run()
            case StreamData(_, data):
                self.received += data
            case StreamEnded():
                self.heard_end = True
                self.run()
            case StreamClosed(_, reason):
                self.outcome = str(reason) if reason else "closed"
            case StreamFailed(_, reason):
                self.outcome = f"failed: {reason}"

    def write(self, data: bytes) -> bytes:
        self.sent += data
        self._carry(SendStream(self.stream, data))
        return b""

    def pause(self, paused: bool) -> None:
        self._carry(PauseStream(self.stream, paused))

    def end(self) -> None:
        self._carry(EndStream(self.stream))

    def abort(self) -> None:
        self._carry(AbortStream(self.stream))


class KernelEnd(End):
    """The kernel's side: a non-blocking socket."""

    def __init__(self, device: Device, script: list[tuple[str, object]], version: int, buffers: int | None) -> None:
        super().__init__(device, script)
        self._buffers = buffers
        self._family = socket.AF_INET if version == 4 else socket.AF_INET6
        self._listener: socket.socket | None = None
        self._socket: socket.socket | None = None
        self._opened = self._paused = False

    def _new(self) -> socket.socket:
        made = socket.socket(self._family, socket.SOCK_STREAM)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._buffers:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffers)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._buffers)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 30)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(_LIMIT * 1000))
        return made

    def listen(self, local: Endpoint) -> None:
        self._listener = self._new()
        self._listener.bind((local.host, local.port))
        self._listener.listen(5)
        self.device.selector.register(self._listener, selectors.EVENT_READ, self._accept)

    @property
    def waits_for_syn(self) -> bool:
        return self._listener is not None

    def _accept(self, events: int) -> None:
        assert self._listener is not None
        self._socket, _ = self._listener.accept()
        self._socket.setblocking(False)
        self.device.selector.unregister(self._listener)
        self._listener.close()
        self._listener = None
        self._keep_alive()
        self.device.selector.register(self._socket, selectors.EVENT_READ, self._ready)
        self.run()
        self._watch()

    def open(self, local: Endpoint, remote: Endpoint) -> None:
        self._socket = self._new()
        self._socket.bind((local.host, local.port))
        self._socket.connect_ex((remote.host, remote.port))
        self.device.selector.register(self._socket, selectors.EVENT_WRITE, self._ready)

    def _keep_alive(self) -> None:
        """A reset that was lost is noticed by asking again. Linux starts that timer only if asked when open."""
        assert self._socket is not None
        self._opened = True
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def _ready(self, events: int) -> None:
        if self._socket is None:
            return
        if not self._opened:
            error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                self._finish(f"failed: {errno.errorcode[error]}")
                return
            self._keep_alive()
        if events & selectors.EVENT_READ and not self._paused:
            self._receive()
        self.run()
        self._watch()

    def _receive(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            self._failed(error)
            return
        self.received += data
        self.heard_end = self.heard_end or not data

    def _failed(self, error: OSError) -> None:
        gone = error.errno in (errno.ECONNRESET, errno.EPIPE)
        self._finish("reset" if gone else errno.errorcode.get(error.errno or 0, str(error)))

    def _watch(self) -> None:
        """Finish if both directions have ended; else ask to be told of what the script can go on with."""
        if self.outcome is None and self.heard_end and self.has_ended:
            self._finish("closed")
        if self._socket is None:
            return
        wanted = 0 if self._paused or self.heard_end else selectors.EVENT_READ
        if self.script and self.script[0][0] == "write" and not self._sleeping:
            wanted |= selectors.EVENT_WRITE
        known = self._socket in self.device.selector.get_map()
        if wanted and known:
            self.device.selector.modify(self._socket, wanted, self._ready)
        elif wanted:
            self.device.selector.register(self._socket, wanted, self._ready)
        elif known:
            self.device.selector.unregister(self._socket)

    def _awake(self) -> None:
        super()._awake()
        self._watch()

    def _finish(self, outcome: str) -> None:
        self.outcome = self.outcome or outcome
        self.close()

    def close(self) -> None:
        for sock in (self._socket, self._listener):
            if sock is not None:
                if sock in self.device.selector.get_map():
                    self.device.selector.unregister(sock)
                sock.close()
        self._socket = self._listener = None

    def write(self, data: bytes) -> bytes:
        assert self._socket is not None
        try:
            size = self._socket.send(data)
        except BlockingIOError:
            size = 0
        except OSError as error:
            self._failed(error)
            return b""
        self.sent += data[:size]
        return data[size:]

    def pause(self, paused: bool) -> None:
        self._paused = paused
        if not paused and self._socket is not None:
            self._receive()
            self.run()
            self._watch()

    def end(self) -> None:
        assert self._socket is not None
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._failed(error if error.errno != errno.ENOTCONN else OSError(errno.ECONNRESET, "reset"))

    def abort(self) -> None:
        assert self._socket is not None
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


class Schedule:
    """One connection: who opens it, what each side does, what happens to its packets, and what must come of it."""

    def __init__(self, device: Device, number: int, seed: int) -> None:
        self.number = number
        random = Random(f"{seed}:{number}")
        self.opener = random.choice(("ours", "ours", "kernel", "kernel", "both"))
        self.abort = random.choice((None, None, None, "ours", "kernel"))
        self.ending = random.choice(("each", "ours first", "kernel first"))
        host = random.choice(list(device.stacks))
        version = Endpoint(host, 0).version
        ours, theirs = Endpoint(host, 10_000 + number), Endpoint(_KERNEL[version], 30_000 + number)
        self.behaviour = Behaviour(random)
        device.behaviours[ours] = self.behaviour
        buffers = random.choice((None, 4096, 20_000))
        self.ours = OurEnd(device, Stream(ours, theirs), self._script(random, "ours"), random.choice((0.0, 0.05, 0.4)))
        self.kernel = KernelEnd(device, self._script(random, "kernel"), version, buffers)
        self.started = time.monotonic()
        if self.opener == "kernel":
            self.ours.listen()
            self.kernel.open(theirs, ours)
        elif self.opener == "ours":
            self.kernel.listen(theirs)
            self.ours.open()
        else:
            # Each SYN leaves before the other arrives; the first of ours must not meet a port without socket.
            self.kernel.open(theirs, ours)
            self.ours.open()

    def _script(self, random: Random, side: str) -> list[tuple[str, object]]:
        total = random.choice((0, 1, 900, 5000, 30_000, 80_000))
        payload = random.randbytes(total)
        script: list[tuple[str, object]] = []
        if self.ending not in ("each", f"{side} first"):
            script.append(("await end", None))          # the other side half-closes, then we begin
        at = 0
        while at < total:
            size = random.choice((1, 100, 1460, 4000, 20_000))
            script.append(("write", payload[at : at + size]))
            at += size
            if random.random() < 0.2:
                script.append(("sleep", random.uniform(0, 0.05)))
            if random.random() < 0.05:
                script.append(("pause", random.uniform(0.1, 0.8)))
            if len(script) > 400:
                script.append(("write", payload[at:]))
                break
        script = [step for step in script if step != ("write", b"")]
        if random.random() < 0.4:
            script.insert(0, ("pause", random.uniform(0.2, 1.0)))
        if self.abort is None:
            script.append(("end", None))
        elif self.abort == side:
            script = [step for step in script if step[0] != "await end"]
            script = [*script[: random.randrange(len(script) + 1)], ("sleep", random.uniform(0, 0.1)), ("abort", None)]
        else:
            script.append(("end", None))
        return script

    @property
    def done(self) -> bool:
        if self.ours.outcome == "aborted" and self.kernel.waits_for_syn and time.monotonic() > self.started + 5.0:
            self.kernel.outcome = "reset"       # our RST overtook the handshake's end: accept() never returns it
        return (self.ours.outcome is not None and self.kernel.outcome is not None) or self.late

    @property
    def late(self) -> bool:
        return time.monotonic() - self.started > _LIMIT

    def verdict(self) -> dict[str, object]:
        """What came of it, and what is wrong with that (empty: nothing)."""
        self.kernel.close()
        ours, kernel = self.ours, self.kernel
        ends = {None: ("closed", "closed"), "ours": ("aborted", "reset"), "kernel": ("reset", "aborted")}
        expected = ends[self.abort]
        # An abort may overtake the end of the handshake: then the connection is reset in SYN-RECEIVED.
        if self.abort == "kernel" and ours.outcome == "failed: reset":
            ours.outcome = "reset"
        if self.abort == "ours" and kernel.outcome == "failed: ECONNRESET":
            kernel.outcome = "reset"
        wrong = []
        if (ours.outcome, kernel.outcome) != expected:
            wrong.append(f"ended {ours.outcome}, {kernel.outcome} instead of {expected[0]}, {expected[1]}")
        for name, sender, receiver in (("to the kernel", ours, kernel), ("from the kernel", kernel, ours)):
            if self.abort is None and receiver.received != sender.sent:
                wrong.append(f"{len(receiver.received)} of {len(sender.sent)} octets {name}")
            if not sender.sent.startswith(receiver.received):
                wrong.append(f"other octets {name}")
        behaviour = self.behaviour
        return {"schedule": self.number, "opener": self.opener, "abort": self.abort, "ending": self.ending,
                "host": ours.stream.local.host, "loss": behaviour.loss, "reorder": behaviour.reorder,
                "duplicate": behaviour.duplicate, "octets": len(ours.received) + len(kernel.received),
                "seconds": round(time.monotonic() - self.started, 2), "wrong": "; ".join(wrong)}


def refusals(device: Device) -> list[dict[str, object]]:
    """What each side says where nobody listens: RST and ICMP port unreachable, both ways, over IPv4 and IPv6."""
    found: list[dict[str, object]] = []
    for host in ("10.77.0.2", "fd77::2"):
        version = Endpoint(host, 0).version
        nobody = Endpoint(_KERNEL[version], 9)
        end = OurEnd(device, Stream(Endpoint(host, 5001), nobody), [], 0.0)
        end.open()
        kernel = KernelEnd(device, [], version, None)
        kernel.open(Endpoint(_KERNEL[version], 5002), Endpoint(host, 5003))
        asking = Endpoint(host, 5004)
        device.carry(BindDatagrams(asking), host)
        failed: list[str] = []
        heard: list[bytes] = []
        error = 0
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_DGRAM) as closed, socket.socket(family, socket.SOCK_DGRAM) as opened:
            closed.connect((host, 5005))
            opened.connect((host, asking.port))
            began = time.monotonic()
            again = 0.0
            while time.monotonic() < began + 5.0 and not (
                    error and end.outcome and kernel.outcome and failed and heard):
                if time.monotonic() >= again:       # a link that has just come up may lose the first ones
                    again = time.monotonic() + 0.3
                    device.carry(SendDatagram(asking, nobody, b"anybody?"), host)
                    with contextlib.suppress(OSError):
                        opened.send(b"hello")
                        closed.send(b"anybody?")
                device.turn()
                error = error or closed.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                failed += [d.reason for d in device.datagrams if isinstance(d, DatagramFailed)]
                heard += [d.data for d in device.datagrams if isinstance(d, DatagramReceived)]
                device.datagrams.clear()
        for what, seen, wanted in (
            ("our SYN to a closed port", end.outcome, "failed: refused"),
            ("the kernel's SYN to a closed port", kernel.outcome, "failed: ECONNREFUSED"),
            ("our datagram to a closed port", set(failed), {"port unreachable"}),
            ("the kernel's datagram to a closed port", errno.errorcode.get(error), "ECONNREFUSED"),
            ("the kernel's datagram to an open port", set(heard), {b"hello"}),
        ):
            wrong = "" if seen == wanted else f"{what}: {seen} instead of {wanted}"
            found.append({"schedule": f"{what}, IPv{version}", "wrong": wrong})
    return found


def set_up() -> None:
    """Addresses and timers of the kernel's side. Raises OSError or CalledProcessError where that is not allowed."""
    batch = """addr add 10.77.0.1/24 dev wb0
        link set lo up
        link set wb0 up txqueuelen 5000
        addr add fd77::1/64 dev wb0 nodad
        route replace 10.77.0.0/24 dev wb0 rto_min 40ms
        route replace fd77::/64 dev wb0 rto_min 40ms
    """
    subprocess.run(["ip", "-batch", "-"], input=batch.encode(), check=True, capture_output=True)


def main() -> int:
    """Run the schedules; exit status 0 if all came out right."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schedules", type=int, default=240)
    parser.add_argument("--only", type=int, default=None, help="one schedule")
    chosen = parser.parse_args()
    try:
        device = Device(chosen.seed)
        set_up()
    except (OSError, subprocess.CalledProcessError) as error:
        print(getattr(error, "stderr", None) or error, file=sys.stderr)
        return 77
    results = refusals(device)
    waiting = list(range(chosen.schedules)) if chosen.only is None else [chosen.only]
    running: list[Schedule] = []
    while waiting or running:
        while waiting and len(running) < _AT_ONCE:
            running.append(Schedule(device, waiting.pop(0), chosen.seed))
        try:
            device.turn()
        except WorkbenchError as error:
            results.append({"schedule": None, "wrong": f"raised {error}"})
            break
        for schedule in [schedule for schedule in running if schedule.done]:
            running.remove(schedule)
            results.append(schedule.verdict())
    for result in results:
        print(json.dumps(result))
    print(json.dumps({"schedule": "all", "packets": device.packets, "zero_windows": device.zero_windows, "wrong": ""}))
    return int(any(result["wrong"] for result in results))


if __name__ == "__main__":
    sys.exit(main())
