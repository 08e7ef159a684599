"""Frames of every link type and tunnel that field traces have, each with the same datagram in it."""

from __future__ import annotations

import io
import struct

from workbench.analysis import pcapng
from workbench.analysis.pcapng import Writer
from workbench.net import packets
from workbench.net.values import Endpoint

A, B = Endpoint("192.0.2.1", 5060), Endpoint("192.0.2.2", 5060)
A6, B6 = Endpoint("2001:db8::1", 5060), Endpoint("2001:db8::2", 5060)
REQUEST = (b"OPTIONS sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\n"
           b"To: <sip:b@x>\r\nCall-ID: links\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
IP4, IP6 = packets.encode_udp(A, B, REQUEST), packets.encode_udp(A6, B6, REQUEST)
MACS = bytes(range(12))
VLAN, QINQ = b"\x81\x00\x00\x05", b"\x88\xa8\x00\x07"
OUT4, OUT6 = ("198.51.100.1", "198.51.100.2"), ("2001:db8:1::1", "2001:db8:1::2")


def ip(payload: bytes, protocol: int, ends: tuple[str, str] = OUT4) -> bytes:
    return packets.encode_ip(*ends, protocol, payload)


def gre(inner: bytes, flags: int = 0, more: bytes = b"") -> bytes:
    return ip(struct.pack("!HH", flags, 0x0800 if inner[0] >> 4 == 4 else 0x86DD) + more + inner, 47)


def gtp(inner: bytes, flags: int = 0x30, more: bytes = b"", port: int = 2152) -> bytes:
    header = struct.pack("!BBHI", flags, 255, len(more) + len(inner), 0x1234)
    return packets.encode_udp(Endpoint(OUT4[0], 40000), Endpoint(OUT4[1], port), header + more + inner)


def overlay(port: int, header: bytes, inner: bytes) -> bytes:
    """VXLAN or Geneve, by port."""
    return packets.encode_udp(Endpoint(OUT4[0], 40000), Endpoint(OUT4[1], port), header + inner)


def mpls(*numbers: int) -> bytes:
    """A stack of labels."""
    last = len(numbers) - 1
    return b"".join(struct.pack("!I", label << 12 | (at == last) << 8 | 64) for at, label in enumerate(numbers))


def extended(*headers: tuple[int, bytes]) -> bytes:
    """IP6 with extension headers: number and octets (without the next header field)."""
    payload, following = IP6[40:], 17
    for number, octets in reversed(headers):
        payload, following = bytes([following]) + octets + payload, number
    return IP6[:4] + struct.pack("!HB", len(payload), following) + IP6[7:40] + payload


# name -> link type and frame: each holds IP4 or IP6 whole
FRAMES: dict[str, tuple[int, bytes]] = {
    "Ethernet": (pcapng.ETHERNET, MACS + b"\x08\x00" + IP4),
    "Ethernet, IPv6": (pcapng.ETHERNET, MACS + b"\x86\xdd" + IP6),
    "Ethernet with padding": (pcapng.ETHERNET, MACS + b"\x08\x00" + IP4 + bytes(6)),
    "VLAN": (pcapng.ETHERNET, MACS + VLAN + b"\x08\x00" + IP4),
    "QinQ": (pcapng.ETHERNET, MACS + QINQ + VLAN + b"\x86\xdd" + IP6),
    "four tags": (pcapng.ETHERNET, MACS + VLAN * 4 + b"\x08\x00" + IP4),
    "Linux cooked": (pcapng.LINUX_SLL, bytes(14) + b"\x08\x00" + IP4),
    "Linux cooked, VLAN": (pcapng.LINUX_SLL, bytes(14) + VLAN + b"\x08\x00" + IP4),
    "Linux cooked 2": (pcapng.LINUX_SLL2, b"\x86\xdd" + bytes(18) + IP6),
    "raw": (pcapng.RAW, IP4),
    "raw, IPv6": (pcapng.RAW, IP6),
    "raw of BSD": (12, IP4),
    "link type IPv4": (pcapng.IPV4, IP4),
    "link type IPv6": (pcapng.IPV6, IP6),
    "null": (pcapng.NULL, struct.pack("<I", 2) + IP4),
    "null, other byte order": (pcapng.NULL, struct.pack(">I", 2) + IP4),
    "null, IPv6 of macOS": (pcapng.NULL, struct.pack("<I", 30) + IP6),
    "loop of OpenBSD": (pcapng.LOOP, struct.pack(">I", 24) + IP6),
    "IP in IP": (pcapng.RAW, ip(IP4, 4)),
    "6in4": (pcapng.RAW, ip(IP6, 41)),
    "4in6": (pcapng.RAW, ip(IP4, 4, OUT6)),
    "GRE": (pcapng.RAW, gre(IP4)),
    "GRE, IPv6": (pcapng.RAW, gre(IP6)),
    "GRE with key": (pcapng.RAW, gre(IP4, 0x2000, b"key.")),
    "GRE with checksum, key and sequence": (pcapng.RAW, gre(IP4, 0xB000, b"sum.key.seq.")),
    "GRE in VLAN": (pcapng.ETHERNET, MACS + VLAN + b"\x08\x00" + gre(IP4)),
    "GRE in IP in IP": (pcapng.RAW, ip(gre(IP4), 4)),
    "four tunnels": (pcapng.RAW, ip(ip(ip(ip(IP4, 4), 4), 4), 4)),
    "GTP-U": (pcapng.RAW, gtp(IP4)),
    "GTP-U, IPv6": (pcapng.RAW, gtp(IP6)),
    "GTP-U with sequence": (pcapng.RAW, gtp(IP4, 0x32, b"\0\1\0\0")),
    "GTP-U with a PDU session container": (pcapng.RAW, gtp(IP4, 0x34, b"\0\0\0\x85\x01\x10\x09\0")),
    "PPP": (pcapng.PPP, b"\xff\x03\x00\x21" + IP4),
    "PPP without address and control": (pcapng.PPP, b"\x00\x57" + IP6),
    "PPP with a short protocol field": (pcapng.PPP, b"\x21" + IP4),
    "PPP in HDLC": (pcapng.PPP_HDLC, b"\xff\x03\x00\x57" + IP6),
    "Cisco's framing in HDLC": (pcapng.PPP_HDLC, b"\x0f\x00\x08\x00" + IP4),
    "Cisco HDLC": (pcapng.CISCO_HDLC, b"\x0f\x00\x86\xdd" + IP6),
    "PPP with a direction": (pcapng.PPP_WITH_DIR, b"\x01\xff\x03\x00\x21" + IP4),
    "PPPoE": (pcapng.ETHERNET, MACS + b"\x88\x64" + struct.pack("!BBHHH", 17, 0, 1, len(IP4) + 2, 0x21) + IP4),
    "PPPoE in VLAN": (pcapng.ETHERNET,
                      MACS + VLAN + b"\x88\x64" + struct.pack("!BBHHH", 17, 0, 1, len(IP6) + 2, 0x57) + IP6),
    "PPPoE as a link": (pcapng.PPP_ETHER, struct.pack("!BBHHH", 17, 0, 1, len(IP4) + 2, 0x21) + IP4),
    "MPLS": (pcapng.ETHERNET, MACS + b"\x88\x47" + mpls(100) + IP4),
    "MPLS, three labels": (pcapng.ETHERNET, MACS + VLAN + b"\x88\x47" + mpls(100, 200, 300) + IP6),
    "MPLS as a link": (pcapng.MPLS, mpls(100) + IP4),
    "MPLS in PPP": (pcapng.PPP, b"\xff\x03\x02\x81" + mpls(100) + IP4),
    "Ethernet in MPLS": (pcapng.ETHERNET, MACS + b"\x88\x47" + mpls(100, 200) + bytes(4) + MACS + b"\x08\x00" + IP4),
    "MPLS in IP": (pcapng.RAW, ip(mpls(100) + IP4, 137)),
    "Linux cooked 2, VLAN": (pcapng.LINUX_SLL2, b"\x81\x00" + bytes(18) + b"\x00\x05\x08\x00" + IP4),
    "GRE with Ethernet": (pcapng.RAW, ip(b"\0\0\x65\x58" + MACS + VLAN + b"\x08\x00" + IP4, 47)),
    "GRE with MPLS": (pcapng.RAW, ip(b"\0\0\x88\x47" + mpls(100) + IP4, 47)),
    "ERSPAN type I": (pcapng.RAW, ip(b"\0\0\x88\xbe" + MACS + b"\x08\x00" + IP4, 47)),
    "ERSPAN type II": (pcapng.RAW, ip(
        b"\x10\0\x88\xbe\0\0\0\7" + b"\x10\x05\0\1\0\0\0\0" + MACS + b"\x08\x00" + IP4, 47)),
    "ERSPAN type III": (pcapng.RAW, ip(
        b"\x10\0\x22\xeb\0\0\0\7" + b"\x20\x05\0\1" + bytes(8) + MACS + b"\x86\xdd" + IP6, 47)),
    "ERSPAN type III, more": (pcapng.RAW, ip(
        b"\x10\0\x22\xeb\0\0\0\7" + b"\x20\x05\0\1" + bytes(7) + b"\1" + bytes(8) + MACS + b"\x08\x00" + IP4, 47)),
    "EtherIP": (pcapng.RAW, ip(b"\x30\0" + MACS + b"\x08\x00" + IP4, 97)),
    "VXLAN": (pcapng.RAW, overlay(4789, b"\x08\0\0\0\0\0\5\0", MACS + b"\x08\x00" + IP4)),
    "VXLAN, VLAN inside": (pcapng.RAW, overlay(4789, b"\x08\0\0\0\0\0\5\0", MACS + VLAN + b"\x86\xdd" + IP6)),
    "Geneve": (pcapng.RAW, overlay(6081, b"\0\0\x65\x58\0\0\5\0", MACS + b"\x08\x00" + IP4)),
    "Geneve with options": (pcapng.RAW, overlay(
        6081, b"\2\0\x08\0\0\0\5\0" + b"\1\2\x80\1\0\0\0\0", IP4)),
    "hop-by-hop options": (pcapng.RAW, extended((0, bytes(7)))),
    "destination options and routing": (pcapng.RAW, extended((60, b"\x01" + bytes(14)), (43, bytes(7)))),
    "authentication": (pcapng.RAW, extended((51, b"\x04" + bytes(22)))),
    "atomic fragment": (pcapng.RAW, extended((44, bytes(7)))),
}

# What carries no message: link type, frame, and what is said of it
BARE: dict[str, tuple[int, bytes, str]] = {
    "ARP": (pcapng.ETHERNET, MACS + b"\x08\x06" + bytes(28), "ARP"),
    "ARP in VLAN": (pcapng.ETHERNET, MACS + VLAN + b"\x08\x06" + bytes(28), "ARP"),
    "LLDP": (pcapng.ETHERNET, MACS + b"\x88\xcc" + bytes(28), "LLDP"),
    "spanning tree": (pcapng.ETHERNET, MACS + b"\x00\x26" + bytes(38), "LLC (spanning tree and the like)"),
    "another EtherType": (pcapng.ETHERNET, MACS + b"\x88\xb5" + bytes(28), "EtherType 0x88b5"),
    "thirteen tags": (pcapng.ETHERNET, MACS + VLAN * 13 + b"\x08\x00" + IP4, "EtherType 0x8100"),
    "an endless stack of labels": (pcapng.MPLS, mpls(*[100] * 13) + IP4, "EtherType 0x8847"),
    "no IP behind a label": (pcapng.MPLS, mpls(100) + b"\x50" + IP4, "EtherType 0x8847"),
    "LCP": (pcapng.PPP, b"\xff\x03\xc0\x21" + bytes(8), "PPP control"),
    "compressed datagrams": (pcapng.PPP, b"\xff\x03\x00\xfd" + bytes(8), "PPP protocol 0x00fd"),
    "empty PPP": (pcapng.PPP, b"\xff\x03", "PPP"),
    "SLARP": (pcapng.CISCO_HDLC, b"\x8f\x00\x80\x35" + bytes(14), "SLARP"),
    "PPPoE discovery": (pcapng.ETHERNET, MACS + b"\x88\x63" + bytes(28), "PPPoE discovery"),
    "PPPoE of another version": (pcapng.ETHERNET, MACS + b"\x88\x64\x21\0" + bytes(28), "EtherType 0x8864"),
    "VXLAN on another port": (pcapng.RAW, overlay(4788, b"\x08\0\0\0\0\0\5\0", MACS + b"\x08\x00" + IP4), "UDP"),
    "VXLAN without its flag": (pcapng.RAW, overlay(4789, bytes(8), MACS + b"\x08\x00" + IP4), "UDP"),
    "Geneve of another version": (pcapng.RAW, overlay(6081, b"\x40\0\x08\x00\0\0\5\0", IP4), "UDP"),
    "EtherIP of another version": (pcapng.RAW, ip(b"\x40\0" + MACS + b"\x08\x00" + IP4, 97), "IP protocol 97"),
    "ERSPAN with another frame": (pcapng.RAW, ip(
        b"\x10\0\x22\xeb" + b"\0\0\0\7" + b"\x20\x05\0\1" + bytes(6) + b"\4\0" + IP4, 47), "IP protocol 47"),
    "empty": (pcapng.ETHERNET, b"", "frames without IP"),
    "cut in the link's header": (pcapng.LINUX_SLL, bytes(9), "frames without IP"),
    "no IP": (pcapng.RAW, b"\x75" + bytes(30), "frames without IP"),
    "null of another family": (pcapng.NULL, struct.pack("<I", 99) + IP4, "frames without IP"),
    "another link": (147, IP4, "frames of link type 147"),
    "cut in IP": (pcapng.RAW, IP4[:19], "IP that does not decode"),
    "cut in IPv6": (pcapng.RAW, IP6[:39], "IP that does not decode"),
    "total length too long": (pcapng.RAW, IP4[:-1], "IP that does not decode"),
    "broken IP in a tunnel": (pcapng.RAW, ip(IP4[:-1], 4), "IP that does not decode"),
    "five tunnels": (pcapng.RAW, ip(ip(ip(ip(ip(IP4, 4), 4), 4), 4), 4), "IP protocol 4"),
    "GRE of another version": (pcapng.RAW, gre(IP4, 0x0001), "IP protocol 47"),
    "GRE with something else": (pcapng.RAW, ip(struct.pack("!HH", 0, 0x6558) + bytes(40), 47), "IP protocol 47"),
    "GTP-U on another port": (pcapng.RAW, gtp(IP4, port=2153), "UDP"),
    "GTP-U with a broken extension": (pcapng.RAW, gtp(IP4, 0x34, b"\0\0\0\x85\xff\x10\x09\0"), "UDP"),
    "GTP-U cut in its header": (pcapng.RAW, packets.encode_udp(
        Endpoint(OUT4[0], 1), Endpoint(OUT4[1], 2152), b"\x34\xff\0\0\0\0\0\1\0\0\0"), "UDP"),
    "UDP too long": (pcapng.RAW, ip(IP4[20:-1], 17), "UDP that does not decode"),
    "TCP too short": (pcapng.RAW, ip(bytes(19), 6), "TCP that does not decode"),
    "ESP": (pcapng.RAW, ip(bytes(40), 50), "IP protocol ESP"),
    "IGMP": (pcapng.RAW, ip(bytes(8), 2), "IGMP"),
    "extension header too long": (pcapng.RAW, extended((0, b"\xff" + bytes(6))), "IP that does not decode"),
    "seventeen extension headers": (pcapng.RAW, extended(*[(60, bytes(7))] * 17), "IP that does not decode"),
}


def capture(frames: list[tuple[int, bytes]]) -> bytes:
    """A capture of frames of any link types."""
    file = io.BytesIO()
    with Writer(file) as writer:
        wires: dict[int, int] = {}
        for number, (link, octets) in enumerate(frames):
            if link not in wires:
                wires[link] = writer.interface(f"link {link}", link)
            writer.packet(wires[link], 10**18 + number * 10**6, octets)
    return file.getvalue()
