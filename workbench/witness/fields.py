"""Which of our values stands beside which field of Wireshark's: one row for each thing that is compared.

Names of Wireshark's fields: its display filter reference, as of version 4.0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from workbench.witness import ours

Words = Sequence[str]
BINARY = "H.248 (BER)"


def written(*columns: Words) -> list[str]:
    """As Wireshark gives them, without blanks around; several columns one behind the other."""
    return [word.strip() for words in columns for word in words]


def number(*columns: Words) -> list[str]:
    """`0x0303` and `771` are one number; `True` is 1."""
    return [_number(word) for words in columns for word in words]


def lower(*columns: Words) -> list[str]:
    """Words whose case says nothing."""
    return [word.lower() for word in written(*columns)]


def pairs(*columns: Words) -> list[str]:
    """`2/40` of the columns `2` and `40`."""
    return ["/".join(map(_number, row)) for row in zip(*columns, strict=False)]


def ordered(*columns: Words) -> list[str]:
    """Numbers that come as one column for each kind, in rising order."""
    return sorted(number(*columns), key=lambda word: (len(word), word))


def halves(*columns: Words) -> list[str]:
    """MSRP's transaction id is in the start line and again in the end-line."""
    return written(*columns)[::2]


def unescaped(*columns: Words) -> list[str]:
    """Wireshark writes `$` of H.248 as `wildcard any`, `*` as `wildcard all`."""
    return [{"wildcard any": "$", "wildcard all": "*"}.get(word.lower(), word) for word in written(*columns)]


def modes(*columns: Words) -> list[str]:
    """Long words for stream modes, as H.248 has them; Wireshark gives them as they are written, long or short."""
    return [_MODES.get(word.lower(), word) for word in written(*columns)]


_MODES = {word.lower(): long for long, short in (
    ("SendOnly", "SO"), ("ReceiveOnly", "RC"), ("SendReceive", "SR"), ("Inactive", "IN"), ("Loopback", "LB"),
) for word in (long, short)}


def completed(*columns: Words) -> list[str]:
    """Types of the DTLS handshake messages that a fragment completes: type, offset, size of the fragment, length."""
    return [_number(kind) for kind, offset, size, length in zip(*columns, strict=False)
            if int(offset) + int(size) == int(length)]


def marks(*columns: Words) -> list[str]:
    """What a segment does to a connection: columns SYN, ACK, FIN, RST; none of one that only carries octets."""
    found = []
    for row in zip(*columns, strict=False):
        syn, ack, fin, reset = (_number(word) == "1" for word in row)
        if syn or fin or reset:
            found.append(("SYN, ACK" if ack else "SYN") if syn else "RST" if reset else "FIN")
    return found


def _number(word: str) -> str:
    word = {"True": "1", "False": "0"}.get(word, word)
    try:
        return str(int(word, 0))
    except ValueError:
        return word


class Field(msgspec.Struct, frozen=True):
    """One thing that both witnesses say of a message.

    Args:
        protocol: as in `Report.messages`, or `SDP` for what stands inside SIP and H.248.
        name: ours.
        theirs: Wireshark's fields.
        read: the values in one of our messages, as words; it is given the message's decoded value.
        tidy: makes the same words of theirs, which come as one column for each of `theirs`.
        counts: a message has exactly one value of one such field: their sum is the number of messages.
        whole: `read` is given the message itself, because it has no value.
    """

    protocol: str
    name: str
    theirs: tuple[str, ...]
    read: Callable[[Any], Iterable[str]]
    tidy: Callable[..., list[str]] = written
    counts: bool = False
    whole: bool = False


def _told(name: str) -> Callable[[Any], Iterable[str]]:
    """An attribute of the value that is a number."""
    return lambda value: [str(int(getattr(value, name)))]


def _handshake(protocol: str, prefix: str, types: tuple[str, ...], read: Callable[..., list[str]]) -> tuple[Field, ...]:
    return (
        Field(protocol, "handshake type", (f"{prefix}.handshake.type", *types), ours.handshake_type, read, counts=True),
        Field(protocol, "version", (f"{prefix}.handshake.version",), ours.hello_version, number),
        Field(protocol, "cipher suite", (f"{prefix}.handshake.ciphersuite",), ours.cipher_suites, number),
        Field(protocol, "certificate octets", (f"{prefix}.handshake.certificate_length",), ours.certificates, number),
        Field(protocol, "alert", (f"{prefix}.alert_message.level", f"{prefix}.alert_message.desc"), ours.alert, pairs,
              counts=True),
    )


_FRAGMENT = tuple(f"dtls.handshake.{name}" for name in ("fragment_offset", "fragment_length", "length"))

FIELDS: tuple[Field, ...] = (
    Field("TCP", "flags", tuple(f"tcp.flags.{name}" for name in ("syn", "ack", "fin", "reset")), ours.tcp_mark, marks,
          counts=True, whole=True),
    Field("SIP", "method", ("sip.Method",), ours.sip_method, counts=True),
    Field("SIP", "status", ("sip.Status-Code",), ours.sip_status, number, counts=True),
    Field("SIP", "Call-ID", ("sip.Call-ID",), ours.header("Call-ID")),
    Field("SIP", "CSeq", ("sip.CSeq.seq",), lambda value: [str(value.cseq.number)], number),
    Field("SIP", "CSeq method", ("sip.CSeq.method",), lambda value: [value.cseq.method]),
    Field("SIP", "From tag", ("sip.from.tag",), lambda value: filter(None, [value.from_tag])),
    Field("SIP", "To tag", ("sip.to.tag",), lambda value: filter(None, [value.to_tag])),
    Field("SIP", "Via branch", ("sip.Via.branch",), ours.branches),
    Field("SDP", "m=", ("sdp.media",), ours.sdp_media),
    Field("SDP", "c=", ("sdp.connection_info",), ours.sdp_lines("c")),
    Field("SDP", "a=", ("sdp.session_attr", "sdp.media_attr"), ours.sdp_attributes),
    Field("H.248", "message", ("megaco.mId",), lambda value: [value.mid], counts=True),
    Field("H.248", "version", ("megaco.version",), _told("version"), number),
    Field("H.248", "transaction id", ("megaco.transid",), ours.transactions, number),
    Field("H.248", "context id", ("megaco.context",), ours.contexts, number),
    Field("H.248", "command", ("megaco.command",), ours.kinds),
    Field("H.248", "termination id", ("megaco.termid",), ours.terminations, unescaped),
    Field("H.248", "stream id", ("megaco.streamid",), ours.streams, number),
    Field("H.248", "mode", ("megaco.mode",), ours.modes, modes),
    Field("H.248", "error code", ("megaco.error_code",), ours.error_codes, number),
    Field(BINARY, "version", ("h248.version",), _told("version"), number, counts=True),
    Field(BINARY, "transaction id", (*(f"h248.{name}.transactionId" for name in (
        "transactionRequest", "transactionreply", "transactionpending", "segmentreply")), "h248.firstAck"),
        lambda value: ordered(list(ours.transactions(value))), ordered),
    Field(BINARY, "context id", ("h248.contextId",), ours.contexts, number),
    Field(BINARY, "m=", ("h248.annexc.sdp_m",), ours.sdp_media),
    Field(BINARY, "c=", ("sdp.connection_info",), ours.sdp_lines("c")),     # it reads the other lines itself
    Field(BINARY, "error code", ("h248.errorCode",), ours.error_codes, number),
    *_handshake("TLS", "tls", (), number),
    *_handshake("DTLS", "dtls", _FRAGMENT, completed),
    Field("DTLS", "ChangeCipherSpec", ("dtls.change_cipher_spec",), ours.change_cipher, counts=True),
    Field("MSRP", "method", ("msrp.method",), ours.msrp_method, counts=True),
    Field("MSRP", "status", ("msrp.status.code",), ours.msrp_status, number, counts=True),
    Field("MSRP", "transaction id", ("msrp.transaction.id",), lambda value: [value.transaction], halves),
    Field("MSRP", "To-Path", ("msrp.to.path",), ours.msrp_path("To-Path")),
    Field("MSRP", "From-Path", ("msrp.from.path",), ours.msrp_path("From-Path")),
    Field("MSRP", "Message-ID", ("msrp.messageid",), ours.msrp_header("Message-ID")),
    Field("MSRP", "Byte-Range", ("msrp.byte.range",), ours.msrp_header("Byte-Range")),
    Field("MSRP", "continuation", ("msrp.cnt.flg",), ours.msrp_flag),
    Field("BFCP", "primitive", ("bfcp.primitive",), _told("primitive"), number, counts=True),
    Field("BFCP", "conference id", ("bfcp.conference_id",), _told("conference"), number),
    Field("BFCP", "transaction id", ("bfcp.transaction_id",), _told("transaction"), number),
    Field("BFCP", "user id", ("bfcp.user_id",), _told("user"), number),
    Field("BFCP", "floor id", ("bfcp.floor_id",), ours.bfcp_floors, number),
    Field("BFCP", "request status", ("bfcp.request_status",), ours.bfcp_states, number),
    Field("UDPTL", "sequence number", ("t38.seq_number",), _told("sequence"), number, counts=True),
    Field("UDPTL", "indicator", ("t38.t30_indicator",), ours.fax_indicators, number),
    Field("UDPTL", "data type", ("t38.t30_data",), ours.fax_data, number),
    Field("UDPTL", "error recovery", ("t38.error_recovery",), ours.fax_recovery, number),
    Field("RTP", "sequence number", ("rtp.seq",), _told("sequence"), number, counts=True),
    Field("RTP", "payload type", ("rtp.p_type",), _told("payload_type"), number),
    Field("RTP", "marker", ("rtp.marker",), _told("marker"), number),
    Field("RTP", "timestamp", ("rtp.timestamp",), _told("timestamp"), number),
    Field("RTP", "source", ("rtp.ssrc",), _told("ssrc"), number),
)
"""All that is compared, protocol by protocol."""

PROTOCOLS: tuple[str, ...] = tuple(dict.fromkeys(field.protocol for field in FIELDS))
OF: dict[str, tuple[Field, ...]] = {name: tuple(one for one in FIELDS if one.protocol == name) for name in PROTOCOLS}
"""The rows of a protocol."""
