"""Figures of a node that runs alone: as one JSON line on SIGUSR1, and in Prometheus' text form over HTTP.

Names are `workbench_NAME`; what they count says `HELP`. Whoever asks is answered by a thread of its own
(`lab.metrics_server`), but the figures are put together by the node's loop, between two happenings.

Source: Prometheus, text-based exposition format 0.0.4.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from workbench.lab.alone import Alone
from workbench.lab.visible import visible
from workbench.lab.watching import Watching
from workbench.net.interface import LocalNetwork

Figures = dict[str, dict[str, float]]

KNOWN: dict[str, tuple[str, str, str]] = {
    "contexts": ("", "gauge", "H.248 contexts."),
    "terminations": ("", "gauge", "H.248 terminations, ROOT not counted."),
    "streams": ("state", "gauge", "Endpoints of streams, by the state of their connection."),
    "payload_octets": ("direction", "counter", "Octets of payload that came in and went out."),
    "registered": ("", "gauge", "1 while a controller obeys, or is obeyed."),
    "calls": ("", "gauge", "Calls that run."),
    "registrations": ("", "gauge", "UEs that are registered."),
    "participants": ("", "gauge", "Who takes part in conferences."),
    "nat_sessions": ("", "gauge", "Bindings of the NAT, each with one remote endpoint."),
    "nat_held": ("", "gauge", "Unsolicited SYNs that wait for their answer."),
    "packets_lost": ("", "counter", "Packets that the system did not take from the TUN device."),
    "sockets": ("state", "gauge", "Sockets, by what they do."),
    "h248_requests_received": ("", "counter", "H.248 transaction requests of the peer."),
    "h248_requests_refused": ("", "counter", "Of those, requests answered with an error."),
    "h248_replies_received": ("", "counter", "Replies to our own requests."),
    "h248_requests_unanswered": ("", "counter", "Requests of ours that got no reply."),
    "h248_messages_wrong": ("", "counter", "H.248 messages that could not be used, or that the peer refused."),
    "h248_registrations": ("", "counter", "Registrations with a controller that succeeded."),
    "tls_handshakes_done": ("", "counter", "TLS handshakes that succeeded, the peer's certificate included."),
    "tls_handshakes_failed": ("", "counter", "TLS handshakes that failed."),
    "tcp_failed": ("", "counter", "Connections that did not come about."),
    "connections_lost": ("", "counter", "Connections that broke."),
    "loop_lag_seconds": ("", "gauge", "The longest time by which the loop was late since figures were last asked for."),
    "resident_octets": ("", "gauge", "Memory of the process that is resident."),
    "uptime_seconds": ("", "counter", "Time since the start."),
    "capture_octets": ("", "gauge", "Size of the capture."),
    "log_lines_lost": ("", "counter", "Log lines that could not be written."),
}
"""Name of a figure to its label, kind and meaning."""

def text(figures: Mapping[str, Mapping[str, float]], node: str) -> str:
    """The figures in Prometheus' text form."""
    lines: list[str] = []
    for name, values in figures.items():
        label, kind, meaning = KNOWN.get(name, ("kind", "gauge", name))
        full = f"workbench_{name}" + ("_total" if kind == "counter" else "")
        lines += [f"# HELP {full} {meaning}", f"# TYPE {full} {kind}"]
        for which, value in values.items():
            labels = f'node="{_quoted(node)}"' + (f',{label}="{_quoted(which)}"' if which else "")
            lines.append(f"{full}{{{labels}}} {value:.12g}")
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    return visible(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def resident() -> int:
    """Octets of this process that are in memory; 0 where the system does not say."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Meters:
    """Puts the figures of a node and its process together.

    Args:
        alone, host, watching: whose figures they are.
    """

    def __init__(self, alone: Alone, host: LocalNetwork, watching: Watching) -> None:
        self._alone = alone
        self._host = host
        self._watching = watching
        self._asked = threading.Event()
        self._asked.set()
        self._text = ""

    def figures(self) -> Figures:
        """All figures now. For the node's own thread; the longest lag begins anew."""
        found: Figures = {}
        for one in (self._alone.node, self._host):
            tell = getattr(one, "figures", None)
            if tell is not None:
                found |= tell()
        lag, self._alone.latest = self._alone.latest, 0.0
        process = {"loop_lag_seconds": lag, "resident_octets": resident(), "uptime_seconds": self._host.now}
        recorder, log = self._watching.recorder, self._watching.log
        if recorder is not None:
            with contextlib.suppress(OSError):
                process["capture_octets"] = recorder.path.stat().st_size
        if log is not None:
            process["log_lines_lost"] = log.lost
        return found | {name: {"": value} for name, value in process.items()}

    def write(self) -> None:
        """One JSON line, into the log or on standard output."""
        flat = {name: values.get("", values) for name, values in self.figures().items()}
        self._watching.write(self._host.now, self._alone.node.name, "Figures", flat)

    def ask(self, seconds: float) -> str | None:
        """The figures as text, from another thread; None: the node did not come round to it within so many seconds."""
        if self._asked.is_set():  # otherwise it still owes the last answer
            self._asked.clear()
            self._alone.say(self._tell)
            self._host.interrupt()
        return self._text if self._asked.wait(seconds) else None

    def _tell(self) -> None:
        self._text = text(self.figures(), self._alone.node.name)
        self._asked.set()
