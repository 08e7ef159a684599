"""How H.248 messages travel: ports, and what a transport carries at once (H.248.1 Annex D).

Over UDP one datagram is one message (application layer framing, Annex D.1) and `machine.Transactions` does what the
transport does not: repetition and at-most-once. Over TCP each message is one TPKT (Annex D.2):

    octet 0      version, 3
    octet 1      reserved, 0
    octets 2-3   length of the whole TPKT, these four octets included
    octets 4-    the message

Source: H.248.1 Annex D, RFC 1006 §6.
"""

from __future__ import annotations

import ipaddress
import re
from struct import Struct

from workbench.errors import LocalProtocolError, MalformedMessageError

TEXT_PORT = 2944
"""Default port of the text encoding, over UDP, TCP and SCTP."""
BINARY_PORT = 2945
"""Default port of the binary encoding."""
DEFAULT_PORTS = {"pretty": TEXT_PORT, "compact": TEXT_PORT, "binary": BINARY_PORT}
"""By coding."""
SCTP_PAYLOAD_PROTOCOL = 7
"""Payload protocol identifier of H.248 over SCTP (H.248.4)."""
UDP_OCTETS = 65_507
"""The most octets that one UDP datagram over IPv4 carries."""
TPKT_OCTETS = 65_531
"""The most octets of message that one TPKT carries."""

_MID = re.compile(r"(?:\[(?P<ip>[0-9A-Fa-f:.]+)\]|<(?P<name>[A-Za-z0-9.-]+)>)(?::(?P<port>[0-9]{1,5}))?")
_HEADER = Struct(">BBH")
_VERSION = 3
_CLAUSE = "RFC 1006 §6"


def mid_of(host: str, port: int | None = TEXT_PORT) -> str:
    """The message identifier of an address: `[192.0.2.10]:2944`."""
    return f"[{host}]" if port is None else f"[{host}]:{port}"


def address_of(mid: str, default: int = TEXT_PORT) -> tuple[str, int] | None:
    """Host and port of a message identifier, `[192.0.2.10]:2944` or `<mgc.example.net>`; None for other forms.

    An address comes in its canonical form, whichever way it was written.
    """
    found = _MID.fullmatch(mid)
    if found is None:
        return None
    try:
        host = found["name"] or str(ipaddress.ip_address(found["ip"]))
    except ValueError:
        return None
    port = int(found["port"] or default)
    return (host, port) if 0 < port < 65_536 else None


class Tpkt:
    """One direction's framing on a TCP connection: whole messages out of octets as they come.

    Args:
        max_octets: longest message that is taken. No more than one TPKT is ever held.
    """

    def __init__(self, *, max_octets: int = TPKT_OCTETS) -> None:
        self.broken: MalformedMessageError | None = None
        """Why framing was lost; nothing more can be read from this connection, and it has to be closed."""
        self._max_octets = max_octets
        self._inbox = bytearray()
        self._taken = 0

    @staticmethod
    def frame(octets: bytes) -> bytes:
        """A message in its TPKT.

        Raises:
            LocalProtocolError: it is empty, or longer than `TPKT_OCTETS`.
        """
        if not 0 < len(octets) <= TPKT_OCTETS:
            raise LocalProtocolError(f"a message of {len(octets)} octets does not fit into a TPKT")
        return _HEADER.pack(_VERSION, 0, _HEADER.size + len(octets)) + octets

    def receive_data(self, octets: bytes) -> list[bytes]:
        """Take octets in any portions; return the messages that are complete now, oldest first.

        Messages before a fault are not lost: they are returned, `broken` is set, and the next call raises.

        Raises:
            MalformedMessageError: no TPKT begins where one has to; the offset counts from the connection's first octet.
        """
        if self.broken is None:
            self._inbox += octets
            messages = self._whole()
            if messages or self.broken is None:
                return messages
        raise self.broken

    def _whole(self) -> list[bytes]:
        messages: list[bytes] = []
        inbox, at = self._inbox, 0
        while self.broken is None and at < len(inbox):
            if inbox[at] != _VERSION:
                self._lost(f"TPKT version {inbox[at]}", at)
            elif len(inbox) - at < _HEADER.size:
                break
            else:
                length = _HEADER.unpack_from(inbox, at)[2]
                if not _HEADER.size < length <= self._max_octets + _HEADER.size:
                    self._lost(f"TPKT of {length} octets", at + 2)
                elif len(inbox) - at < length:
                    break
                else:
                    messages.append(bytes(inbox[at + _HEADER.size : at + length]))
                    at += length
        del inbox[:at]
        self._taken += at
        return messages

    def _lost(self, what: str, at: int) -> None:
        self.broken = MalformedMessageError(what, clause=_CLAUSE, offset=self._taken + at)
