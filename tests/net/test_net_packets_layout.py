"""Every octet of a frame has a field, and every field has an entry in the catalogue."""

from __future__ import annotations

import fnmatch
import struct
import tomllib
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.net import packets
from workbench.net.packets import ACK, SYN, Tcp
from workbench.net.packets_layout import spans
from workbench.net.values import Endpoint
from workbench.protocols.layout import Span, uncovered

A4, B4 = Endpoint("10.0.0.1", 40000), Endpoint("198.51.100.7", 2855)
A6, B6 = Endpoint("2001:db8::1", 40000), Endpoint("2001:db8:ffff::7", 2855)
ALL_OPTIONS = (b"\x02\x04\x05\xb4" b"\x04\x02" b"\x01" b"\x03\x03\x03" b"\x08\x0a" + bytes(8)
               + b"\x05\x0a" + bytes(8) + b"\xfd\x04ab" + b"\x00\x00")

UDP4, UDP6 = packets.encode_udp(A4, B4, b"data"), packets.encode_udp(A6, B6, b"data")
EXTENSIONS = bytes((44, 0, 1, 4, 0, 0, 0, 0)) + bytes((17, 0, 0, 0, 0, 0, 0, 9))


def longer(by: int) -> bytes:
    """The IPv4 total length, raised."""
    return struct.pack("!H", len(UDP4) + by)


FRAMES = {
    "udp": UDP4,
    "udp over ipv6": UDP6,
    "udp surplus": UDP4[:2] + longer(3) + UDP4[4:] + b"???",
    "extensions": UDP6[:4] + struct.pack("!HB", len(UDP6) - 24, 0) + UDP6[7:40] + EXTENSIONS + UDP6[40:],
    "syn": packets.encode_tcp(Tcp(A4, B4, 1, 0, SYN, 65535, options=ALL_OPTIONS)),
    "octets": packets.encode_tcp(Tcp(A6, B6, 1, 2, ACK, 65535, b"octets", options=b"\x01\x01\x09\x00")),
    "unreachable": packets.encode_unreachable(UDP4, packets.decode_ip(UDP4), B4.host),
    "echo": packets.encode_icmp(A4.host, B4.host, 8, 0, b"\0\1\0\2", b"ping"),
    "other protocol": packets.encode_ip(A4.host, B4.host, 47, b"gre"),
    "padding": UDP4 + bytes(14),
    "ip options": b"\x46\x00" + longer(4) + UDP4[4:20] + b"\x01\x01\x01\x00" + UDP4[20:],
    "later fragment": UDP4[:6] + b"\x00\x05" + UDP4[8:],
    "nothing decodes": b"\x00\x01\x02",
    "cut": UDP4[:23],
}


def names(found: tuple[Span, ...]) -> set[str]:
    return {name for span in found for name in {span.name} | names(span.children)}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_every_octet_has_a_field(frame):
    """Fields follow each other without gap or overlap, at every level."""
    assert uncovered(spans(frame), 0, len(frame)) == []


@pytest.mark.parametrize(("link", "header"), [
    ("ethernet", bytes(12) + b"\x08\x00"), ("ethernet", bytes(12) + b"\x81\x00\x00\x07\x08\x00"),
    ("sll", bytes(14) + b"\x08\x00"), ("sll2", b"\x08\x00" + bytes(18)), ("null", b"\x02\0\0\0")])
def test_link_headers_come_first(link, header):
    """A capture's link header is laid out, and the packet behind it as without it."""
    found = spans(header + UDP4, link)
    assert uncovered(found, 0, len(header + UDP4)) == []
    assert tuple(found[1:]) == tuple(span.moved(len(header)) for span in spans(UDP4))


@given(st.binary(max_size=120), st.sampled_from(["ip", "ethernet", "sll", "sll2", "null", "strange"]))
@settings(max_examples=300)
def test_garbage_is_laid_out_whole(octets, link):
    """No octets raise, and none is left out."""
    starts = (b"", b"\x45", b"\x60", FRAMES["syn"][:33], FRAMES["unreachable"][:30])
    for frame in (start + octets for start in starts):
        assert uncovered(spans(frame, link), 0, len(frame)) == []


def test_every_field_is_in_the_catalogue():
    """Each name has an entry of its own with label, meaning and clause."""
    text = resources.files("workbench.analysis.explain.catalogue").joinpath("ip.toml").read_text(encoding="utf-8")
    catalogue = tomllib.loads(text)
    found = set().union(*(names(spans(frame)) for frame in FRAMES.values()))
    found |= names(spans(bytes(12) + b"\x81\x00\x00\x07\x08\x00" + UDP4, "ethernet"))
    for link, header in (("sll", bytes(14) + b"\x08\x00"), ("sll2", b"\x08\x00" + bytes(18)), ("null", b"\x02\0\0\0")):
        found |= names(spans(header + UDP4, link))
    missing = {name for name in found if name not in catalogue
               and not any(fnmatch.fnmatchcase(name, known) for known in catalogue if known.endswith("*"))}
    assert missing == set()
    for name, entry in catalogue.items():
        assert entry.get("label"), name
        assert entry.get("meaning"), name
        assert entry.get("clause"), name


def test_values_read_as_people_write_them():
    """The SYN's fields, as a training engineer reads them."""
    fields = {leaf.name: leaf.value for span in spans(FRAMES["syn"]) for leaf in span.leaves()}
    assert fields["ip.version"] == "version 4, header 20 octets"
    assert fields["ip.source"] == "10.0.0.1"
    assert fields["ip.checksum"].endswith("right")
    assert fields["tcp.flags"] == "SYN"
    assert fields["tcp.option.mss"] == "1460 octets"
    assert fields["tcp.option.window_scale"] == "shift by 3 (times 8)"
    assert fields["tcp.acknowledgment"] == "not used (no ACK)"
