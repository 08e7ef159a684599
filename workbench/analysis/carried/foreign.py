"""What octets look like that no protocol here claims: a hint for people, never a decision."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workbench.protocols.rtp.wire import looks_like_rtp

if TYPE_CHECKING:
    from workbench.analysis.drafts import Draft

_UNKNOWN = "begins like no protocol that is read here, and nothing announced it"
_FOREIGN = "a protocol that is not read here"
# Start lines of text protocols.
_LINES = (
    ("RTSP", re.compile(rb"(?:OPTIONS|DESCRIBE|SETUP|PLAY|PAUSE|TEARDOWN|ANNOUNCE) rtsp:|RTSP/[12]\.[0-9] ")),
    ("HTTP", re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|CONNECT|PATCH) \S{1,2000} HTTP/1\.|HTTP/1\.[01] [1-5]"
                        rb"|PRI \* HTTP/2")),
    ("SMTP", re.compile(rb"220 [^\r\n]{0,200}SMTP|(?:EHLO|HELO) |MAIL FROM:", re.IGNORECASE)),
    ("SSH", re.compile(rb"SSH-[12]\.")),
)
_DHCP = b"\x63\x82\x53\x63"


def told(draft: Draft) -> tuple[str, str]:
    """What a message is that could not be read, and why."""
    if draft.protocol != "unknown":
        return f"{draft.protocol} that does not decode", "broken, cut short, or of a kind that is not read here"
    carrier = "TCP" if draft.connection is not None else "SCTP" if draft.association is not None else "UDP"
    name = look(draft.octets, carrier)
    if draft.error and not name:
        return f"{carrier} behind a break", draft.error.partition(":")[0]
    if draft.protected:
        return f"decrypted octets over {carrier}", _UNKNOWN
    return (f"{carrier} that looks like {name}", _FOREIGN if name != "RTP" else "nothing announced it") if name else (
        carrier, _UNKNOWN)


def look(octets: bytes, carrier: str) -> str:
    """The name of a protocol that octets look like; empty: like none."""
    for name, line in _LINES:
        if line.match(octets):
            return name
    if carrier == "UDP":
        return _datagram(octets)
    return ""


def _datagram(octets: bytes) -> str:
    if octets[236:240] == _DHCP:
        return "DHCP"
    # Long header, fixed bit, and a version that there is (RFC 9000 §17.2, RFC 9369).
    if len(octets) >= 20 and octets[0] >> 6 == 3 and octets[1:5] in (b"\0\0\0\1", b"\x6b\x33\x43\xcf"):
        return "QUIC"
    # One question, no reserved bit, and a name of labels (RFC 1035 §4.1).
    if len(octets) >= 17 and octets[4:6] == b"\0\1" and not octets[3] & 0x40 and 0 < octets[12] < 64:
        return "DNS"
    return "RTP" if looks_like_rtp(octets) and octets[0] & 0x0F < 4 else ""
