"""How tshark has to be started so that it sees what our analysis has found by content: ports, heuristics, versions."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message

# tshark's dissector for what a connection, or a datagram, starts with.
_OVER_TCP = {"TLS": "tls", "MSRP": "msrp", "SIP": "sip"}
_OVER_UDP = {"SIP": "sip", "RTP": "rtp", "BFCP": "bfcp"}
_MOST_PORTS = 512
_MOST_LOOKED_AT = 100_000
_ALWAYS = {
    "tcp.reassemble_out_of_order": "TRUE",      # we do
    "sctp.checksum": "None",                    # a wrong one is read all the same, here and there
}

Flow = tuple[str, int, int, str]
"""Transport, two ports, dissector."""


def arguments(report: Report, *, keylog: str | None = None) -> list[str]:
    """The words behind `tshark -r FILE` for this capture.

    Args:
        report: our analysis of the very file that tshark reads.
        keylog: a key log file beside the secrets in the capture.
    """
    words: list[str] = []
    for (transport, port), dissector in islice(ports(flows(report)).items(), _MOST_PORTS):
        words += ["-d", f"{transport}.port=={port},{dissector}"]
    if report.messages_of("BFCP"):
        words += ["--enable-heuristic", "bfcp_tcp", "--enable-heuristic", "bfcp_udp"]
    wanted = dict(_ALWAYS)
    words += fax(any(report.fax_version(message) == 0 for message in islice(report.messages_of("UDPTL"), 1000)))
    if keylog is not None:
        wanted["tls.keylog_file"] = keylog
    for name, value in wanted.items():
        words += ["-o", f"{name}:{value}"]
    return words


def fax(old: bool) -> list[str]:
    """T38FaxVersion 0 (`old`) is written another way than what its corrigendum has made of it."""
    return ["-o", f"t38.use_pre_corrigendum_asn1_specification:{'TRUE' if old else 'FALSE'}"]


def flows(report: Report) -> Counter[Flow]:
    """What speaks what, by our analysis of the content, and how often."""
    found: Counter[Flow] = Counter()
    streams: set[tuple[int, int]] = set()
    for content in report.contents:
        low, high = sorted(side.port for side in content.connection.sides)
        streams.add((low, high))
        dissector = _OVER_TCP.get(content.connection.protocol.partition("/")[0])
        if dissector is not None:
            found["tcp", low, high, dissector] += 1 + len(content.connection.frames)
    for flow in report.dtls:
        low, high = sorted(side.port for side in flow.sides)
        found["udp", low, high, "dtls"] += 1 + len(flow.frames)
    for fax in report.faxes:
        low, high = sorted(side.port for side in fax.sides)
        found["udp", low, high, "t38"] += 1 + len(fax.frames)
    for message in islice(report.messages_of("H.248"), _MOST_LOOKED_AT):
        low, high = sorted((message.source.port, message.destination.port))
        if not message.protected:
            # SCTP says by itself what it carries (payload protocol identifier 7).
            found["tcp" if (low, high) in streams else "udp", low, high, h248(message)] += 1
    for protocol, dissector in _OVER_UDP.items():
        for message in islice(report.messages_of(protocol), _MOST_LOOKED_AT):
            low, high = sorted((message.source.port, message.destination.port))
            if (low, high) not in streams and not message.protected:
                found["udp", low, high, dissector] += 1
    return found


def h248(message: Message) -> str:
    """Wireshark has one dissector for H.248 in text, and another for BER."""
    return "h248" if message.octets[:1] == b"\x30" else "megaco"


def ports(flows: Counter[Flow]) -> dict[tuple[str, int], str]:
    """For each flow a port by which tshark knows it: one with a single dissector, that of most flows."""
    spoken: dict[tuple[str, int], Counter[str]] = {}
    for (transport, low, high, dissector), count in flows.items():
        for port in {low, high}:
            spoken.setdefault((transport, port), Counter())[dissector] += count
    chosen: dict[tuple[str, int], str] = {}
    for transport, low, high, _ in flows:
        ends = [(transport, port) for port in (low, high)]
        sure = [end for end in ends if len(spoken[end]) == 1] or ends
        best = max(sure, key=lambda end: sum(spoken[end].values()))
        chosen[best] = spoken[best].most_common(1)[0][0] if best not in chosen else chosen[best]
    return dict(sorted(chosen.items()))


