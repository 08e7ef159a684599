"""Pages for tests: coded by Pillow's libtiff, and said by a fax terminal as IFP packets."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import pytest

from workbench.protocols.t38.messages import DataType, Field, FieldType, IfpPacket, Indicator, data, indication
from workbench.protocols.t38.page_format import Coding
from workbench.protocols.t38.pages import PageReader

DOTS, ROWS = 1728, 120
_COMPRESSIONS = {Coding.MH: ("group3", 0), Coding.MR: ("group3", 1), Coding.MMR: ("group4", 0)}
_BITS = {Coding.MH: (), Coding.MR: (16,), Coding.MMR: (31,), Coding.OTHER: (78,)}


def drawing(rows: int = ROWS, dots: int = DOTS) -> bytes:
    """Rows that all differ: 1 is black."""
    return b"".join(((1 << 40) - 1 << (dots - 60 - 7 * row % (dots - 120)) | 0xFF).to_bytes(dots // 8, "big")
                    for row in range(rows))


def coded(black: bytes, coding: Coding, dots: int = DOTS) -> bytes:
    """T.4 or T.6 data of a page."""
    image_room = pytest.importorskip("PIL.Image")
    rows = 8 * len(black) // dots
    image = image_room.frombytes("1", (dots, rows), black)     # libtiff takes a one for black, whatever Pillow calls it
    out = io.BytesIO()
    compression, options = _COMPRESSIONS[coding]
    image.save(out, "TIFF", compression=compression, tiffinfo={292: options, 278: rows} if coding is not Coding.MMR
               else {278: rows})
    with image_room.open(io.BytesIO(out.getvalue())) as made:
        tags = made.tag_v2
        strips = [out.getvalue()[start : start + size] for start, size in zip(tags[273], tags[279], strict=True)]
        assert len(strips) == 1 and tags.get(266, 1) == 1
    return strips[0]


def dcs(*bits: int) -> bytes:
    """A DCS with these bits (counted from 1) and V.29 9600."""
    content = bytearray(10)
    for number in (11, *bits):
        content[(number - 1) // 8] |= 0x80 >> (number - 1) % 8
    return bytes([0xFF, 0xC8, 0xC1]) + bytes(content)


def frame(octets: bytes, last: bool = True, kind: int = DataType.V21) -> list[IfpPacket]:
    """A frame as one packet, and its end as another."""
    return [data(kind, Field(FieldType.HDLC_DATA, octets)),
            data(kind, Field(FieldType.HDLC_FCS_OK_SIG_END if last else FieldType.HDLC_FCS_OK))]


def _burst(octets: bytes, size: int) -> Iterator[IfpPacket]:
    yield indication(Indicator.V29_9600_TRAINING)
    for start in range(0, len(octets), size):
        yield data(DataType.V29_9600, Field(FieldType.T4_NON_ECM_DATA, octets[start : start + size]))
    yield data(DataType.V29_9600, Field(FieldType.T4_NON_ECM_SIG_END))
    yield indication(Indicator.NO_SIGNAL)


def plain(pages: Iterable[bytes], coding: Coding, *bits: int, size: int = 36) -> list[IfpPacket]:
    """What the sender says of pages without error correction: DCS, training check, pages, commands, DCN."""
    pages = list(pages)
    said = [*frame(dcs(*_BITS[coding], *bits)), *_burst(bytes(540), size)]
    for number, page in enumerate(pages, 1):
        said += [*_burst(page, size), *frame(bytes([0xFF, 0xC8, 0xF4 if number == len(pages) else 0xF2]))]
    return [*said, *frame(bytes([0xFF, 0xC8, 0xDF]))]


def turned(octet: int) -> int:
    return int(f"{octet:08b}"[::-1], 2)


def fcd(number: int, octets: bytes) -> list[IfpPacket]:
    """A numbered piece of a page."""
    return frame(bytes([0xFF, 0xC0, 0x60, turned(number)]) + octets, False, DataType.V17_14400)


def pps(command: int, page: int, block: int, frames: int) -> list[IfpPacket]:
    """The end of a part of a page."""
    return frame(bytes([0xFF, 0xC8, 0xFD, command, turned(page), turned(block), turned(frames - 1)]))


def corrected(page: bytes, coding: Coding, *bits: int, size: int = 256) -> list[IfpPacket]:
    """The same with error correction, parts of 256 frames."""
    pieces = [page[start : start + size] for start in range(0, len(page), size)]
    said = [*frame(dcs(27, *_BITS[coding], *bits)), *_burst(bytes(540), 36)]
    blocks = [pieces[start : start + 256] for start in range(0, len(pieces), 256)]
    for number, block in enumerate(blocks):
        for at, piece in enumerate(block):
            said += fcd(at, piece)
        said += pps(0xF4 if number == len(blocks) - 1 else 0x00, 0, number, len(block))
    return [*said, *frame(bytes([0xFF, 0xC8, 0xDF]))]


def read(packets: Iterable[IfpPacket], missing: frozenset[int] = frozenset()) -> PageReader:
    """The pages of these packets, of which some do not come."""
    reader, lost = PageReader(), 0
    for place, packet in enumerate(packets):
        if place in missing:
            lost += 1
            continue
        if lost:
            reader.lose(lost, place)
            lost = 0
        reader.receive(packet, place)
    return reader
