"""How fast is a field trace analysed, how much memory does that take, and does time grow with size?

    .venv/bin/python benchmarks/analysis.py [--packets 30000] [--rounds 3] [--large]

The trace is made by `load/field_trace.py`: equal arguments give equal files. Peers, in the same rounds: `tshark -T
fields` of the same protocols without name resolution, which judges nothing beyond single messages; pyshark and scapy on
a prefix of the trace, their time multiplied up to all of it. tshark needs about a second to start, so only a large
trace shows its rate. `--large` measures memory on a trace of 1 GB as well, which takes minutes.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from load.field_trace import write
from measuring import interleaved, machine, ratio, say, spread

from workbench.analysis.analyzing import analyze
from workbench.analysis.pcapng import Reader, Writer

_PREFIX = {"pyshark": 1000, "scapy": 5000}
_LARGE_PACKETS = 1_360_000      # about 1 GB
_FIELDS = ("frame.number", "frame.time_epoch", "ip.src", "ip.dst", "tcp.srcport", "tcp.dstport", "tcp.seq", "tcp.len",
           "udp.srcport", "udp.dstport", "tls.record.content_type", "tls.handshake.type", "sip.Method",
           "sip.Status-Code", "sip.Call-ID", "megaco.transid", "megaco.context", "msrp.method", "msrp.status.code",
           "msrp.transaction.id", "sdp.media", "_ws.col.Protocol", "_ws.col.Info")
_CHILD = ("import resource, sys; from workbench.analysis.analyzing import analyze; report = analyze(sys.argv[1]); "
          "print(len(report.messages), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)")


def _prefix(trace: Path, packets: int, out: Path) -> Path:
    """The first packets of a trace, as a trace of their own."""
    with Reader(trace) as reader, Writer(out) as writer:
        wire: int | None = None
        for packet in reader:
            if packet.number > packets:
                break
            if wire is None:
                wire = writer.interface(packet.wire, packet.link)
            writer.packet(wire, packet.time_ns, packet.octets)
    return out


def _tshark(trace: Path) -> None:
    fields = [word for name in _FIELDS for word in ("-e", name)]
    subprocess.run(["tshark", "-n", "-r", str(trace), "-T", "fields", *fields], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _pyshark(trace: Path) -> None:
    import pyshark

    with pyshark.FileCapture(str(trace), keep_packets=False, custom_parameters=["-n"]) as capture:
        for packet in capture:
            packet.highest_layer  # noqa: B018 (each packet is looked at)


def _scapy(trace: Path) -> None:
    from scapy.utils import PcapReader

    with PcapReader(str(trace)) as reader:
        for packet in reader:
            packet.summary()


def _jobs(trace: Path, folder: Path) -> dict[str, Callable[[], object]]:
    jobs: dict[str, Callable[[], object]] = {"workbench": lambda: analyze(trace)}
    if shutil.which("tshark") is None:
        say("tshark is not installed: neither it nor pyshark is measured")
    else:
        jobs["tshark"] = lambda: _tshark(trace)
        jobs["pyshark"] = lambda: _pyshark(short["pyshark"])
    jobs["scapy"] = lambda: _scapy(short["scapy"])
    short = {name: _prefix(trace, count, folder / f"{name}.pcapng") for name, count in _PREFIX.items()}
    return jobs


def _speed(trace: Path, packets: int, rounds: int, folder: Path) -> None:
    taken = interleaved(_jobs(trace, folder), rounds)
    ours = taken["workbench"]
    for name, seconds in taken.items():
        part = min(1.0, _PREFIX.get(name, packets) / packets)
        whole = [one / part for one in seconds]
        told = f", from the first {_PREFIX[name]} packets" if part < 1 else ""
        rate = f"{packets / statistics.median(whole):,.0f} packets/s"
        beside = "" if name == "workbench" else f"; workbench takes {ratio(ours, whole)} times as long"
        say(f"{name:10} {spread(whole)}, {rate}{told}{beside}")


def _growth(trace: Path, twice: Path, rounds: int) -> None:
    taken = interleaved({"once": lambda: analyze(trace), "twice": lambda: analyze(twice)}, rounds)
    size = twice.stat().st_size / trace.stat().st_size
    say(f"{size:.2f} times the octets take {ratio(taken['twice'], taken['once'])} times as long")


def _memory(trace: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _CHILD, str(trace)], check=True, capture_output=True, text=True)
    messages, kilobytes = (int(word) for word in done.stdout.split())
    say(f"memory at its highest: {kilobytes / 1000:,.0f} MB for {trace.stat().st_size / 1e6:,.0f} MB, "
        f"{messages:,} messages")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--packets", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", action="store_true")
    given = parser.parse_args()
    say(machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trace, twice = folder / "trace.pcapng", folder / "twice.pcapng"
        packets = write(trace, given.packets)
        write(twice, 2 * given.packets)
        say(f"{packets:,} packets, {trace.stat().st_size / 1e6:.0f} MB")
        _speed(trace, packets, given.rounds, folder)
        _growth(trace, twice, given.rounds)
        _memory(trace)
        if given.large:
            large = folder / "large.pcapng"
            write(large, _LARGE_PACKETS)
            _memory(large)


if __name__ == "__main__":
    main()
