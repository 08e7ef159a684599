"""Messages made to keep a decoder busy, as functions of their size in octets."""

from __future__ import annotations

from collections.abc import Callable

from h248.binary_forms import IQ, octets_of

from workbench.protocols.h248 import binary, text
from workbench.protocols.h248.binary import ber

HEAD = b"MEGACO/2 [192.0.2.10]:2944\n"
_IN = b"T=1{C=1{MF=a{"

Shape = Callable[[int], bytes]


def _run(piece: bytes, head: bytes = b"", tail: bytes = b"") -> Shape:
    """A head, a piece as often as it fits, a tail."""

    def make(size: int) -> bytes:
        return HEAD + head + piece * max(1, (size - len(HEAD + head + tail)) // len(piece)) + tail

    return make


def _message(piece: bytes, head: bytes, tail: bytes) -> Shape:
    """A list of pieces with commas between them, in a message that is whole."""

    def make(size: int) -> bytes:
        count = max(1, (size - len(HEAD + head + tail)) // (len(piece) + 1))
        return HEAD + head + b",".join([piece] * count) + tail

    return make


TEXT: dict[str, Shape] = {
    "openings of Local": _run(b"L{"),
    "openings of Local behind commas": _run(b",L{", _IN + b"M{L{}"),
    "Local and blanks": _run(b"L ", _IN + b"M{"),
    "Local, a comment, no body": _run(b"L;\n", _IN + b"M{"),
    "Local far from its body": _run(b" ", _IN + b"M{L", b"{v=0}}}}}"),
    "Local and a long comment": _run(b";", _IN + b"M{L", b"\n{v=0}}}}}"),
    "openings of requests": _run(b"T=1{"),
    "openings of digit maps": _run(b",DM={", _IN + b"SG"),
    "digit maps without end": _run(b"DM = "),
    "digit map with a long name": _run(b"a", _IN + b"DM=", b"}}}"),
    "digit map timers": _run(b"T:1,", _IN + b"DM={", b"0}}}}"),
    "digit map comments": _run(b";\n", _IN + b"DM={", b"0}}}}"),
    "blanks": _run(b" "),
    "blanks and an error at the end": _run(b" ", _IN, b"x"),
    "semicolons": _run(b";"),
    "comments": _run(b"; ;\n"),
    "comments between tokens": _run(b"1;\n,", b"K{", b"1}"),
    "comments of one octet before the header": lambda size: b";\n" * (size // 2),
    "quotes": _run(b'"'),
    "quotes with a control octet": _run(b'"\x01'),
    "quoted strings": _message(b'"a"', _IN + b"M{O{g/a=[", b"]}}}}}"),
    "escaped braces": _run(b"\\}", _IN + b"M{L{"),
    "escaped braces in a description": _run(b"a=\\}\n", _IN + b"M{L{v=0\n", b"}}}}}"),
    "a long value": _run(b"1,", _IN + b"M{O{g/a=["),
    "values": _message(b"1", _IN + b"M{O{g/a=[", b"]}}}}}"),
    "properties": _message(b"a/a=1", _IN + b"M{O{", b"}}}}}"),
    "properties and an error at the end": _message(b"a/a=1", _IN + b"M{O{", b",}}}}}"),
    "embedded events": _run(b"g/a{EM{E=1{", _IN + b"E=1{"),
    "events": _message(b"g/a", _IN + b"E=1{", b"}}}}"),
    "events with streams": _message(b"g/a{ST=1,KA}", _IN + b"E=1{", b"}}}}"),
    "embedded signals": _message(b"g/a{EM{SG}}", _IN + b"E=1{", b"}}}}"),
    "signals": _message(b"g/a{KA,SY=OO,DR=1}", _IN + b"SG{", b"}}}}"),
    "streams": _message(b"ST=1{O{MO=SR}}", _IN + b"M{", b"}}}}"),
    "empty descriptions": _message(b"ST=1{L{},R{}}", _IN + b"M{", b"}}}}"),
    "descriptions": _message(b"ST=1{L{v=0},R{v=0}}", _IN + b"M{", b"}}}}"),
    "bad descriptions": _message(b"ST=1{L{v=0\nm=\n},R{v=0\nc=\n}}", _IN + b"M{", b"}}}}"),
    "one long description": _run(b"a=x\n", _IN + b"M{L{v=0\n", b"}}}}}"),
    "description of groups": _run(b"v=0\n", _IN + b"M{L{", b"}}}}}"),
    "description of media": _run(b"m=a 1 b\n", _IN + b"M{L{", b"}}}}}"),
    "description of blank lines": _run(b"\n", _IN + b"M{L{v=0", b"a=x}}}}}"),
    "description of indented lines": _run(b" \n", _IN + b"M{L{v=0\n", b"a=x}}}}}"),
    "description with a long m= line": _run(b" a", _IN + b"M{L{v=0\nm=a 1 b", b"\n}}}}}"),
    "description without line ends": _run(b"a=", _IN + b"M{L{v=0\n", b"}}}}}"),
    "description in carriage returns": _run(b"a=x\r", _IN + b"M{L{v=0\n", b"}}}}}"),
    "acknowledgements": _message(b"1", b"K{", b"}"),
    "acknowledgements and an error at the end": _message(b"1", b"K{", b",x}"),
    "pendings": _run(b"PN=1{}"),
    "pendings with comments": _run(b"PN=1{};\n"),
    "segments": _run(b" SM=1/1"),
    "requests": _run(b"T=1{C=1{S=*}}"),
    "replies": _run(b"P=1{C=1}"),
    "actions": _message(b"C=1{S=*}", b"T=1{", b"}"),
    "commands": _message(b"S=*", b"T=1{C=1{", b"}}"),
    "terminations": _message(b"a", b"T=1{C=1{S=[", b"]}}"),
    "a name": _run(b"a", b"T=1{C=1{S=", b"}}"),
    "slashes": _run(b"/", b"P=1", b"{}"),
    "digits": _run(b"9", b"T=", b"{}"),
    "topology": _message(b"a,a,BW", b"T=1{C=1{TP{", b"},S=*}}"),
    "topology of names like directions": _message(b"BW", b"T=1{C=1{TP{", b"},S=*}}"),
    "audit items": _message(b"M", b"T=1{C=1{AV=a{AT{", b"}}}}"),
    "packages": _message(b"a-1", b"P=1{C=1{AV=a{PG{", b"}}}}"),
    "dashes in a package": _run(b"-", b"P=1{C=1{AV=a{PG{", b"}}}}"),
    "statistics": _message(b"a/a=1", b"P=1{C=1{S=a{SA{", b"}}}}"),
    "address without end": _run(b"[:", b"T=1{C=-{SC=ROOT{SV{AD=", b"}}}}"),
    "header of a long name": lambda size: b"MEGACO/2 " + b"a" * size,
    "header of blanks": lambda size: b"MEGACO/2" + b" " * size,
    "authentication without end": lambda size: b"AU=0x00000000:0x00000000:0x" + b"0" * size,
    "authentication and blanks": lambda size: b"AU" + b" " * (size // 2) + b"=" + b" " * (size // 2),
    "octets of no token": _run(b"\x80"),
    "odd octets between tokens": _run(b"T\x80"),
    "carriage returns": _run(b"\r"),
    "equals and Local": _run(b"=L{"),
    "commas": _run(b","),
    "nested braces": _run(b"{"),
}

# --- BER ------------------------------------------------------------------------------------------------------------


def _wrapped(contents: bytes) -> bytes:
    """A message of version 3 whose transactions are these octets."""
    mid = ber.tlv(0xA1, ber.tlv(0xA0, b"\x80\x04\x7f\0\0\1"))
    return ber.tlv(0x30, ber.tlv(0xA1, b"\x80\x01\x03" + mid + ber.tlv(0xA2, ber.tlv(0xA1, contents))))


def _repeated(piece: bytes) -> Shape:
    """A message of as many transactions as fit."""
    return lambda size: _wrapped(piece * max(1, (size - 60) // len(piece)))


def _in_transaction(head: bytes, piece: bytes, tail: bytes = b"") -> Shape:
    """A run of octets in one request."""
    return lambda size: _wrapped(
        ber.tlv(0xA0, b"\x80\x01\x01" + ber.tlv(0xA1, head + piece * max(1, (size - 80) // len(piece)) + tail))
    )


def _text_as_binary(body: bytes, piece: bytes, tail: bytes) -> Shape:
    """A text message of repeated pieces, said in BER; it grows with the size."""

    def make(size: int) -> bytes:
        one = len(binary.encode(text.decode(HEAD + body + piece + tail), naming=IQ))
        two = len(binary.encode(text.decode(HEAD + body + piece + b"," + piece + tail), naming=IQ))
        count = max(1, (size - one) // (two - one + 1))
        return binary.encode(text.decode(HEAD + body + b",".join([piece] * count) + tail), naming=IQ)

    return make


_MODIFY = b"T=1{C=1{MF=ip/0/access/1{"

BINARY: dict[str, Shape] = {
    "sequences in definite lengths, one in another": lambda size: _nested(size // 5),
    "sequences in indefinite lengths": lambda size: b"\x30\x80" * (size // 2),
    "indefinite lengths with their ends": lambda size: b"\x30\x80" * (size // 4) + b"\0\0" * (size // 4),
    "strings in pieces": lambda size: b"\x30\x80\xa1\x80\x80\x01\x03\xa1\x80\xa3\x80" + b"\x16\x01a" * (size // 3 - 4),
    "strings in nested pieces": lambda size: b"\x30\x80\xa1\x80\x80\x01\x03\xa1\x80" + b"\xa3\x80" * (size // 2 - 8),
    "ends of contents": lambda size: b"\x30\x80" + b"\0\0" * (size // 2),
    "empty transactions": _repeated(b"\xa0\x00"),
    "empty transactions of no kind": _repeated(b"\xbf\x1f\x00"),
    "pendings": _repeated(b"\xa1\x03\x80\x01\x01"),
    "long tags": lambda size: b"\x30\x84\x00\x01\x00\x00" + b"\xbf" + b"\xff" * size,
    "long lengths": lambda size: b"\x30\xfe" + b"\x00" * size,
    "a length beyond the message": lambda size: b"\x30\x84\x7f\xff\xff\xff" + b"\x00" * size,
    "lengths in 126 octets": _repeated(b"\xa1\xfe" + b"\0" * 125 + b"\x03\x80\x01\x01"),
    "empty actions": _in_transaction(b"", b"\x30\x00"),
    "empty octets in a transaction": _in_transaction(b"", b"\x00"),
    "acknowledgements": lambda size: _wrapped(ber.tlv(0xA3, b"\x30\x03\x80\x01\x01" * (size // 5 - 12))),
    "acknowledgements and an error at the end": lambda size: _wrapped(
        ber.tlv(0xA3, b"\x30\x03\x80\x01\x01" * (size // 5 - 12) + b"\x30\x00")
    ),
    "numbers of many octets": lambda size: _wrapped(ber.tlv(0xA1, ber.tlv(0x80, b"\x01" * (size - 60)))),
    "many versions": lambda size: ber.tlv(0x30, ber.tlv(0xA1, b"\x80\x01\x03" * (size // 3 - 5))),
    "events": _text_as_binary(_MODIFY + b"E=1{", b"g/cause", b"}}}}"),
    "signals": _text_as_binary(_MODIFY + b"SG{", b"cg/rt{KA,SY=OO,DR=1}", b"}}}}"),
    "streams": _text_as_binary(_MODIFY + b"M{", b"ST=1{O{MO=SR}}", b"}}}}"),
    "descriptions": _text_as_binary(_MODIFY + b"M{", b"ST=1{L{v=0},R{v=0}}", b"}}}}"),
    "lines of a description": _text_as_binary(_MODIFY + b"M{", b"ST=1{L{v=0\n" + b"a=x\n" * 500 + b"}}", b"}}}}"),
    "values": _text_as_binary(_MODIFY + b"M{O{", b"nt/jit=40", b"}}}}}"),
    "different values": _text_as_binary(
        _MODIFY + b"M{O{", b",".join(b"nt/jit=%d" % n for n in range(4_000)), b"}}}}}"),
    "commands": _text_as_binary(b"T=1{C=1{", b"S=ip/0/access/1", b"}}"),
    "different terminations": _text_as_binary(
        b"T=1{C=1{", b",".join(b"S=ip/0/access/%d" % n for n in range(3_000)), b"}}"),
    "packages": _text_as_binary(b"P=1{C=1{AV=ip/0/access/1{PG{", b"nt-1", b"}}}}"),
    "vectors again and again": lambda size: octets_of("06-reserve-configure-reply")[:-1] * (size // 300),
}


def _nested(depth: int) -> bytes:
    """Constructed values one in another, with definite lengths of four octets that are right."""
    size = depth * 6
    return b"".join(b"\x30\x84" + (size - 6 * (n + 1)).to_bytes(4, "big") for n in range(depth))
