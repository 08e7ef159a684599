"""A capture whose every text tries to steer what shows it: markup, escape sequences, links, turned directions, NUL.

Each word stands at each place where a protocol carries text. Messages are real octets on UDP, TCP and TLS.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from tls_sessions import Recorded

from workbench.analysis.pcapng import Reader, Writer
from workbench.net import packets
from workbench.net.values import Endpoint
from workbench.protocols.bfcp import wire as bfcp
from workbench.protocols.bfcp.messages import Attribute, Failure, Group, Message
from workbench.protocols.bfcp.registry import Kind, Primitive
from workbench.security.identities import Identity
from workbench.security.source import Source

MARK = "hostile"     # stands in each word, so that a view can be shown to have had it

WORDS: dict[str, bytes] = {
    "markup": (b"</title></desc></style></script></svg>--><script>hostile()</script><img src=x onerror=hostile()>"
               b"\"onmouseover=\"hostile()' onfocus='hostile()` <a href=javascript:hostile()>hostile</a>"
               b"<iframe srcdoc=hostile></iframe><form action=http://127.0.0.1:9/hostile><base href=//127.0.0.1:9/>"),
    "address": (b"<a href=\"http://127.0.0.1:9/hostile\">hostile</a> ![hostile](http://127.0.0.1:9/x.png) "
                b"$\\href{http://127.0.0.1:9}$"),
    "colours": (b"hostile\x1b[2J\x1b[31m\x1b[8mhidden\x1b[0m\x1bc\x1b]0;hostile title\x07\x1bP$q\"p\x1b\\"
                b"\x0e\x08\x08\x7f"),
    "link": (b"\x1b]8;;http://127.0.0.1:9/hostile\x1b\\hostile\x1b]8;;\x1b\\\x1b]52;c;aG9zdGlsZQ==\x07"
             b"\x1b]1337;File=:AAAA\x07"),
    "c1": "hostile\x9b31m\x9d0;hostile\x9c\x90hostile\x9c\x85".encode(),
    "turned": "hostile\u202egnp.exe\u202d\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u202a\u202b\u202c".encode(),
    "unseen": "hostile\u200b\u2060\u00ad\ufeff\ufff9\ufffb\U000e0041\U000e007f\u180e".encode(),
    "lines": "hostile\u2028fail: hostile\u2029\x0b\x0cfail: hostile".encode(),
    "nul": b"hostile\x00hostile\x01\x02\x1f",
    "surrogates": b"hostile\xed\xa0\x80\xed\xb0\x80\xed\xa0\xbd",
    "no-utf-8": b"hostile\xff\xfe\xc0\xaf\xe2\x28\xa1\xf8\x80",
    "diagram": b"hostile\xc2\xa0end;hostile%%{init:{'securityLevel':'loose'}}%% participant hostile; click n0 "
               b"\"javascript:hostile()\"",
    "rich": (b"[bold]hostile[/bold] [link=http://127.0.0.1:9]hostile[/link] %s {0} \\u001b[31m &#27;[31m "
             b"&lt;hostile&gt;"),
}

A, B = Endpoint("203.0.113.50", 5060), Endpoint("198.51.100.50", 5060)
CONTROLLER, GATEWAY = Endpoint("192.0.2.50", 2944), Endpoint("192.0.2.60", 2944)
STUN_MAGIC = bytes.fromhex("2112a442")


def sip_texts(word: bytes, number: int) -> Iterator[bytes]:
    """SIP and SDP with the word in start lines, headers, parameters, and lines of SDP."""
    call = b"Call-ID: h%d@a\r\n" % number
    via = b"Via: SIP/2.0/UDP 203.0.113.50;branch=z9hG4bKh%d\r\n" % number
    ends = b"From: <sip:a@home.example>;tag=1\r\nTo: <sip:b@home.example>\r\n"
    sdp = (b"v=0\r\no=- 1 1 IN IP4 203.0.113.50\r\ns=%s\r\ni=%s\r\nc=IN IP4 203.0.113.50\r\nt=0 0\r\n"
           b"m=message 20000 TCP/TLS/MSRP *\r\na=path:msrps://203.0.113.50:20000/%s;tcp\r\na=setup:%s\r\n"
           b"a=fingerprint:sha-256 %s\r\na=x-odd:%s\r\n" % ((word,) * 6))
    odd = (b"v=0\r\no=%s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=%s 20000 %s %s\r\n" % ((word,) * 5))
    for body in (b"", sdp, odd):
        kind = b"Content-Type: application/sdp\r\n" if body else b"Content-Type: text/plain\r\n"
        yield (b"INVITE sip:b@home.example SIP/2.0\r\n" + via + ends + call + b"CSeq: 1 INVITE\r\nMax-Forwards: 70\r\n"
               + b"Subject: %s\r\nUser-Agent: %s\r\nContact: \"%s\" <sip:a@203.0.113.50>\r\n" % ((word,) * 3)
               + kind + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    rest = via + ends + call + b"CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    yield b"SIP/2.0 486 " + word + b"\r\n" + rest
    whom = word.replace(b" ", b"_")
    yield b"OPTIONS sip:" + whom + b"@home.example SIP/2.0\r\n" + rest.replace(b"INVITE", b"OPTIONS")
    yield b"INVITE sip:b SIP/2.0\r\n" + rest.replace(b"h%d@a" % number, word)
    yield b"INVITE sip:b SIP/2.0\r\n" + rest.replace(b"1 INVITE", b"1 " + word)
    yield b"INVITE sip:b SIP/2.0\r\nContent-Length: " + word + b"\r\n" + rest


def h248_texts(word: bytes, number: int) -> Iterator[bytes]:
    """H.248 text with the word in MIDs, error text, names, strings, comments, and in SDP."""
    quoted = word.replace(b'"', b"'")
    head = b"MEGACO/2 [192.0.2.60]:2944\n"
    yield head + b'Reply = %d { Context = - { Error = 500 { "%s" } } }\n' % (9000 + number, quoted)
    yield head + (b"Transaction = %d { Context = - { Notify = ROOT { ObservedEvents = 1 { nt/netfail { "
                  b"x = \"%s\" } } } } }\n" % (9100 + number, quoted))
    sdp = b"v=0\no=- 1 1 IN IP4 0.0.0.0\ns=%s\nc=IN IP4 $\nt=0 0\nm=message $ TCP/MSRP *\na=setup:%s\n" % (word, word)
    yield head + (b"Transaction = %d { Context = $ { Add = ip/1/access/$ { Media { Stream = 1 { Local {\n%s"
                  b"} } } } } }\n" % (9200 + number, sdp))
    yield b"MEGACO/2 <" + word + b">\nTransaction = 1 { Context = - { AuditValue = ROOT { Audit { } } } }\n"
    yield head + b"; " + word + b"\nTransaction = 2 { Context = - { AuditValue = " + word + b" { Audit { } } } }\n"


def stun_texts(word: bytes, number: int) -> Iterator[bytes]:
    """A binding error whose reason, software and realm are the word."""
    body = b""
    for kind, value in ((0x0009, b"\x00\x00\x04\x14" + word), (0x8022, word), (0x0014, word)):
        value = value[:500]
        body += kind.to_bytes(2) + len(value).to_bytes(2) + value + bytes(-len(value) % 4)
    yield b"\x01\x11" + len(body).to_bytes(2) + STUN_MAGIC + number.to_bytes(12) + body


def msrp_texts(word: bytes, number: int) -> Iterator[bytes]:
    """MSRP with the word in paths, headers, status and body, then where the syntax does not admit it."""
    name = b"host%d" % number
    paths = b"To-Path: msrp://b.example:9/s;tcp\r\nFrom-Path: msrp://a.example:9/t;tcp\r\n"
    yield (b"MSRP " + name + b"a SEND\r\n" + paths + b"Message-ID: m%d\r\nX-Odd: %s\r\nContent-Type: text/html\r\n\r\n"
           b"%s\r\n-------%sa$\r\n" % (number, word, word, name))
    yield b"MSRP " + name + b"b 400 " + word + b"\r\n" + paths + b"-------" + name + b"b$\r\n"
    yield (b"MSRP " + name + b"c REPORT\r\n" + paths + b"Message-ID: m1\r\nStatus: 000 400 %s\r\nByte-Range: %s\r\n"
           b"-------%sc$\r\n" % (word, word, name))
    yield (b"MSRP " + name + b"d SEND\r\nTo-Path: msrp://%s:9/%s;tcp\r\nFrom-Path: msrp://a:9/t;tcp\r\n"
           b"Message-ID: %s\r\n-------%sd$\r\n" % (word, word, word, name))


def bfcp_texts(word: bytes, number: int) -> Iterator[bytes]:
    """BFCP with the word in error, status and participant information, display names and addresses (RFC 8855 §5.2)."""
    text = word.decode("utf-8", "replace").encode()[:40].decode("utf-8", "ignore")
    user = (Attribute(Kind.USER_DISPLAY_NAME, text), Attribute(Kind.USER_URI, text))
    request = Group(1, (Attribute(Kind.OVERALL_REQUEST_STATUS, Group(1, (Attribute(Kind.STATUS_INFO, text),))),
                        Attribute(Kind.BENEFICIARY_INFORMATION, Group(7, user)),
                        Attribute(Kind.PARTICIPANT_PROVIDED_INFO, text)))
    yield bfcp.encode(Message(Primitive.FLOOR_REQUEST, 1, number, 7, (
        Attribute(Kind.FLOOR_ID, 3), Attribute(Kind.PARTICIPANT_PROVIDED_INFO, text))))
    yield bfcp.encode(Message(Primitive.FLOOR_REQUEST_STATUS, 1, number, 7, (
        Attribute(Kind.FLOOR_REQUEST_INFORMATION, request),)))
    octets = bfcp.encode(Message(Primitive.ERROR, 1, number, 7, (
        Attribute(Kind.ERROR_CODE, Failure(14)), Attribute(Kind.ERROR_INFO, "?" * len(word[:200])))))
    yield octets.replace(b"?" * len(word[:200]), word[:200])


def tls_flights(word: bytes, number: int) -> tuple[list[tuple[int, bytes]], str]:
    """A TLS 1.2 session whose certificate has the word as subject and issuer."""
    text = word.decode("utf-8", "replace").encode()[:64].decode("utf-8", "ignore")
    made = Identity.self_signed(text, Source(number, "hostile"))

    def change(context: Any) -> None:
        context.use_certificate(x509.load_der_x509_certificate(made.certificate))
        context.use_privatekey(made.key)

    session = Recorded("1.2", change=change, server_name=text.encode("ascii", "replace").decode().replace("\0", "_"))
    for octets in msrp_texts(word, number):
        session.say(0, octets)
    return session.flights, session.keylog


def stream(client: Endpoint, server: Endpoint, flights: list[tuple[int, bytes]], most: int = 1400) -> Iterator[bytes]:
    """IP packets of a TCP connection that carries the flights (0: from the client)."""
    ends, numbers = (client, server), [100, 900]

    def segment(who: int, flags: int, data: bytes = b"") -> bytes:
        made = packets.encode_tcp(packets.Tcp(ends[who], ends[1 - who], numbers[who],
                                              numbers[1 - who] if flags & packets.ACK else 0, flags, 65535, data))
        numbers[who] = (numbers[who] + len(data) + bool(flags & (packets.SYN | packets.FIN))) % 2**32
        return made

    yield segment(0, packets.SYN)
    yield segment(1, packets.SYN | packets.ACK)
    yield segment(0, packets.ACK)
    for who, octets in flights:
        for at in range(0, len(octets), most):
            yield segment(who, packets.PSH | packets.ACK, octets[at : at + most])
    yield segment(0, packets.FIN | packets.ACK)
    yield segment(1, packets.FIN | packets.ACK)


def frames(number: int, word: bytes) -> Iterator[bytes]:
    """IP packets that carry a word at every place."""
    for octets in (*sip_texts(word, number), *stun_texts(word, number), word):
        yield packets.encode_udp(A, B, octets)
    for octets in h248_texts(word, number):
        yield packets.encode_udp(GATEWAY, CONTROLLER, octets)
    port = 21000 + 10 * number
    yield from stream(Endpoint(A.host, port), Endpoint(B.host, 2855), [(0, each) for each in msrp_texts(word, number)])
    yield from stream(Endpoint(A.host, port + 1), Endpoint(B.host, 3238),
                      [(at % 2, each) for at, each in enumerate(bfcp_texts(word, number))])
    yield from stream(Endpoint(A.host, port + 2), B, [(0, each) for each in sip_texts(word, number)])
    yield from stream(Endpoint(A.host, port + 3), Endpoint(B.host, 9999), [(0, word * 3)])


def hostile_words(folder: Path, sound: Path, names: Iterable[str] = tuple(WORDS)) -> Path:
    """Write the capture: a sound call whose wires, nodes and comments are hostile, then each word at each place.

    Args:
        folder: where to.
        sound: capture of a call.
        names: of the words.
    """
    path = folder / "hostile-words.pcapng"
    words = {name: WORDS[name] for name in names}
    texts = [word.decode("utf-8", "replace") for word in words.values()]
    with Reader(sound) as reader, Writer(path) as writer:
        call = list(reader)
        writer.names({address: f"{texts[number % len(texts)][:70]} {texts[1]} {name}"[:190]
                      for number, (address, name) in enumerate(reader.names.items())})
        writer.names({A.host: f"A {texts[2]}"[:190], B.host: f"B {texts[-1]}"[:190]})
        sessions = [tls_flights(word, number) for number, word in enumerate(words.values())]
        writer.secrets(reader.secrets + "".join(keylog for _, keylog in sessions))
        wires: dict[str, int] = {}
        for packet in call:
            if packet.wire not in wires:
                text = texts[len(wires) % len(texts)]
                wires[packet.wire] = writer.interface(f"{packet.wire} {text}"[:190], packet.link)
            writer.packet(wires[packet.wire], packet.time_ns, packet.octets, texts[packet.number % len(texts)])
        time = call[-1].time_ns
        for number, (name, word) in enumerate(words.items()):
            own = writer.interface(f"{name} {texts[number]}"[:190])
            tls = stream(Endpoint(A.host, 30000 + number), Endpoint(B.host, 2856), sessions[number][0])
            for octets in (*frames(number, word), *tls):
                time += 1_000_000
                writer.packet(own, time, octets, texts[number])
    return path


def long_headers(folder: Path, octets: int = 10 * 2**20) -> Path:
    """Write a capture in which SIP, SDP, MSRP and H.248 on TCP have a line of so many octets; whole messages follow."""
    path = folder / "long-headers.pcapng"
    word = WORDS["markup"] + WORDS["colours"]
    line = word * (octets // len(word) + 1)
    ends = b"From: <sip:a@home.example>;tag=1\r\nTo: <sip:b@home.example>\r\nCall-ID: 1@a\r\nCSeq: 1 INVITE\r\n"
    via = b"Via: SIP/2.0/TCP 203.0.113.50;branch=z9hG4bKlong\r\n"
    body = b"v=0\r\no=- 1 1 IN IP4 203.0.113.50\r\ns=" + line + b"\r\n"
    paths = b"To-Path: msrp://b.example:9/s;tcp\r\nFrom-Path: msrp://a.example:9/t;tcp\r\n"
    told = {
        "sip": (5060, b"INVITE sip:b@home.example SIP/2.0\r\n" + via + ends + b"Subject: " + line
                + b"\r\nContent-Length: 0\r\n\r\n"),
        "sdp": (5060, b"INVITE sip:b@home.example SIP/2.0\r\n" + via + ends + b"Content-Type: application/sdp\r\n"
                + b"Content-Length: %d\r\n\r\n" % len(body) + body),
        "msrp": (2855, b"MSRP long1 SEND\r\n" + paths + b"Message-ID: m\r\nX-Long: " + line
                 + b"\r\nContent-Type: text/plain\r\n\r\nhi\r\n-------long1$\r\n"),
        "h248": (2944, b"MEGACO/2 [192.0.2.60]:2944\nReply = 1 { Context = - { Error = 500 { \"" + line
                 + b"\" } } }\n"),
    }
    with Writer(path) as writer:
        time = 0
        for number, (name, (port, text)) in enumerate(told.items()):
            wire = writer.interface(name)
            client, server = Endpoint(A.host, 40000 + number), Endpoint(B.host, port)
            for packet in stream(client, server, [(0, text)], most=60_000):
                time += 1_000_000
                writer.packet(wire, time, packet)
    return path
