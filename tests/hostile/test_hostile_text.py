"""Markup and control characters planted wherever a capture has text: shown as text, never obeyed."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from hostile.hostile_files import workbench
from tls_sessions import Recorded

from workbench import analyze, scenarios, views
from workbench.analysis.explain import explain_frame
from workbench.analysis.files.twin import write_twin
from workbench.analysis.pcapng import Packet, Reader, Writer
from workbench.analysis.report import Report
from workbench.lab.scenario import At
from workbench.net import packets
from workbench.net.values import Endpoint
from workbench.nodes.orders import SendText
from workbench.security.identities import Identity
from workbench.security.source import Source

# Places, each with the element that would speak up if its text were taken for markup.
PLACES = (
    "wire", "node", "comment", "sip-uri", "sip-header", "sip-reason", "sdp", "sdp-attribute", "h248-string", "h248-sdp",
    "h248-error", "msrp", "msrp-header", "msrp-inside-tls", "certificate", "server-name", "unknown", "keylog",
)


def planted(place: str) -> str:
    """What is planted at a place: every way out of text, attribute, comment, script and style that HTML has."""
    return (f"</title></desc></style></script>--><script>{place}()</script><img src=x onerror={place}()>"
            f"\"onmouseover=\"{place}()' onfocus='{place}()` javascript:{place}() &lt;b&gt; \u202e")


def inline(place: str) -> str:
    """The same for a place where blanks and quotes would end the text."""
    return f"<script>{place}()</script><svg/onload={place}()>"



def rewritten(packet: Packet) -> bytes:
    """A frame with text planted in the protocol that its datagram or segment carries."""
    ip = packets.decode_ip(packet.octets)
    if ip.protocol != packets.UDP:
        return packet.octets
    udp = packets.decode_udp(ip)
    data = udp.data.replace(b"sip:bob@home2.example SIP", f"sip:bob@{inline('sip-uri')} SIP".encode())
    data = re.sub(rb"^(SIP/2.0 \d+ )[^\r]*", lambda at: at[1] + planted("sip-reason").encode(), data)
    data = data.replace(b"core.example.net", planted("h248-string").replace('"', "").encode())
    if b"SIP/2.0" in data[:200]:
        head, gap, body = data.partition(b"\r\n\r\n")
        if body:
            body = body.replace(b"s=-", b"s=" + planted("sdp").encode())
            body += f"a=x-odd:{planted('sdp-attribute')}\r\n".encode()
        head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head)
        lines = f"\r\nSubject: {planted('sip-header')}\r\nUser-Agent: {planted('sip-header')}"
        data = head + lines.encode() + gap + body
    elif data.startswith(b"MEGACO"):
        data = data.replace(b"v=0\r\n", f"v=0\r\ns={planted('h248-sdp')}\r\n".encode())
        data = data.replace(b"v=0\n", f"v=0\ns={planted('h248-sdp')}\n".encode())
    return packets.encode_udp(udp.source, udp.destination, data)


def tls_with_hostile_names() -> tuple[list[tuple[int, bytes]], str]:
    """A TLS 1.2 session whose certificates and server name are markup."""
    hostile = Identity.self_signed(inline("certificate"), Source(1, "hostile"))

    def change(context: Any) -> None:
        context.use_certificate(x509.load_der_x509_certificate(hostile.certificate))
        context.use_privatekey(hostile.key)

    session = Recorded("1.2", change=change, server_name=inline("server-name"))
    session.say(0, f"MSRP a1 SEND\r\nTo-Path: msrps://{inline('msrp-header')}:9/s;tcp\r\nFrom-Path: msrps://a:9/t;tcp\r\n"
                   f"Message-ID: {inline('msrp-header')}\r\nX-Odd: {planted('msrp-header')}\r\n"
                   f"Content-Type: text/html\r\n\r\n{planted('msrp-inside-tls')}\r\n-------a1$\r\n".encode())
    return session.flights, session.keylog


def stray_frames(flights: list[tuple[int, bytes]]) -> list[bytes]:
    """A TCP connection with the flights, datagrams that nobody knows, and an H.248 error."""
    a, b = Endpoint("203.0.113.77", 40001), Endpoint("198.51.100.77", 40002)
    made: list[bytes] = []
    ends, numbers = (a, b), [100, 900]

    def segment(who: int, flags: int, data: bytes = b"") -> None:
        heard = numbers[1 - who] if flags & packets.ACK else 0
        made.append(packets.encode_tcp(packets.Tcp(
            ends[who], ends[1 - who], numbers[who], heard, flags, 65535, data)))
        numbers[who] += len(data) + bool(flags & packets.SYN)

    segment(0, packets.SYN)
    segment(1, packets.SYN | packets.ACK)
    segment(0, packets.ACK)
    for who, octets in flights:
        for at in range(0, len(octets), 1400):
            segment(who, packets.PSH | packets.ACK, octets[at : at + 1400])
    made.append(packets.encode_udp(a, b, planted("unknown").encode()))
    controller, gateway = Endpoint("192.0.2.10", 2944), Endpoint("192.0.2.20", 2944)
    text = planted("h248-error").replace('"', "")
    made.append(packets.encode_udp(gateway, controller, (
        f'MEGACO/2 [192.0.2.20]:2944\nReply = 4711 {{ Context = - {{ Error = 500 {{ "{text}" }} }} }}\n').encode()))
    made.append(packets.encode_udp(a, Endpoint("198.51.100.5", 5060), (
        f"{inline('sip-uri')} sip:x SIP/2.0\r\nCall-ID: {planted('sip-header')}\r\nCSeq: 1 {inline('sip-header')}\r\n"
        f"Content-Length: {planted('sip-header')}\r\n\r\n").encode()))
    return made


def hostile_run(folder: Path) -> Path:
    """A whole call in which every text of the capture is hostile."""
    scenario = scenarios.get("e2ae-msrp-originating")
    script = tuple(
        At(each.time, each.node, SendText(planted("msrp"))) if isinstance(each.order, SendText) else each
        for each in scenario.script)
    sound = msgspec.structs.replace(scenario, script=script).run(seed=1, out=folder).capture
    flights, keylog = tls_with_hostile_names()
    path = folder / "hostile.pcapng"
    with Reader(sound) as reader, Writer(path) as writer:
        frames = list(reader)
        writer.names({address: f"{name}{planted('node')}" for address, name in reader.names.items()})
        writer.secrets(reader.secrets + keylog + f"CLIENT_RANDOM {inline('keylog')} {inline('keylog')}\n")
        wires: dict[str, int] = {}
        for packet in frames:
            if packet.wire not in wires:
                wires[packet.wire] = writer.interface(packet.wire + planted("wire"), packet.link)
            writer.packet(wires[packet.wire], packet.time_ns, rewritten(packet), planted("comment"))
        for number, octets in enumerate(stray_frames(flights)):
            writer.packet(0, frames[-1].time_ns + 1000 * number, octets, planted("comment"))
    return path


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile_run(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def report(capture: Path) -> Report:
    return analyze(capture)


class Page(HTMLParser):
    """What a browser would make of markup: elements with attributes, scripts, and the text of the page."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self._inside = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        (self.scripts if self._inside == "script" else self.words).append(data)


def harmless(markup: str, scripts: int = 0) -> Page:
    """The markup read, after the check that nothing of it comes from the capture but text."""
    page = Page(markup)
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == scripts
    assert not {"img", "iframe", "object", "embed", "base", "form", "foreignobject"} & set(tags)
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        for name in ("href", "src", "xlink:href", "action"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
        assert not any("()" in (value or "") for name, value in attributes.items() if name in ("id", "class", "style"))
    assert not any(f"{place}()" in script for place in PLACES for script in page.scripts)
    assert "\u202e" not in markup
    return page


def test_the_capture_is_read_although_it_is_hostile(report: Report) -> None:
    """The control: the call, its MSRP inside TLS, and the planted protocols are all there to be shown."""
    assert {"SIP", "H.248", "TLS", "MSRP", "TCP", "unknown"} <= {message.protocol for message in report.messages}
    assert any("<script>" in node.name for node in report.nodes)
    assert len(report.select("MSRP", protected=True)) >= 3
    assert sum(message.octets.count(b"<script>") for message in report.messages) > 50


def test_the_page_holds_no_script_but_its_own(report: Report) -> None:
    """One script element, ours; no handler, no address; and the planted text of every place is there as text.

    A key log is never shown, and octets of no known protocol are shown as numbers.
    """
    said = "".join(harmless(views.report_html([report], title=planted("node")), scripts=1).words)
    unseen = [place for place in PLACES if f"<script>{place}()</script>" not in said]
    assert unseen == ["unknown", "keylog"]


def test_the_page_of_the_command_line_is_the_same(tmp_path: Path, capture: Path) -> None:
    """`analyze --html`; and neither it nor `show` lets a control character or a turned direction out."""
    page = tmp_path / "page.html"
    said = workbench(tmp_path, "analyze", capture, "--html", page)
    assert said.status in (0, 1)
    harmless(page.read_text(encoding="utf-8"), scripts=1)
    shown = workbench(tmp_path, "show", capture, "--text")
    for text in (said.out, said.err, shown.out, shown.err):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


def test_pictures_and_tables_hold_no_script(report: Report) -> None:
    """Ladder, roles, octets of every frame, and the state at every step."""
    harmless(views.ladder_svg(report))
    harmless(views.roles_html(report))
    for step in views.steps(report):
        harmless(views.state_html(step))
    for number in range(1, report.packets + 1):
        page = Page(views.octets_html(explain_frame(report, number)))
        assert not [tag for tag, attrs in page.elements if any(name.startswith("on") for name in attrs)]
        assert not any(f"{place}()" in script for place in PLACES for script in page.scripts)


def test_the_ladder_is_well_formed_xml(report: Report) -> None:
    """Whatever text a capture holds, an XML reader takes the SVG: no control character, no open element."""
    from xml.etree import ElementTree

    ElementTree.fromstring(views.ladder_svg(report))


def test_every_view_as_text_is_plain(report: Report) -> None:
    """Text forms hold no control character but line ends, so that a terminal is not steered."""
    said = [views.ladder_text(report), views.roles_text(report), views.timeline_text(report)]
    said += [views.octets_text(explain_frame(report, number)) for number in range(1, report.packets + 1)]
    for text in said:
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


def test_a_twin_of_a_hostile_capture_is_written(report: Report, tmp_path: Path) -> None:
    """The decrypted twin keeps the text as it is, and is read again."""
    write_twin(report, tmp_path / "twin.pcapng")
    twin = analyze(tmp_path / "twin.pcapng")
    assert len(twin.select("MSRP", protected=False)) > len(report.select("MSRP", protected=False))
    harmless(views.report_html([twin]), scripts=1)
