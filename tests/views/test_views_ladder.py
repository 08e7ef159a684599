"""The ladder: rows, text, and an SVG that can be walked and heard."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from view_samples import ALG, HOSTILE, UE, message, report

from workbench.analysis.values import Node, Place
from workbench.views import ladder_lanes, ladder_rows, ladder_svg, ladder_text
from workbench.views.ladder_picture import MOST_ROWS, draw

SVG = "{http://www.w3.org/2000/svg}"


def test_rows_follow_the_messages() -> None:
    """One row a message, in order, with what a ladder shows of it."""
    rows = ladder_rows(report())
    assert [row.message for row in rows] == list(range(15))
    assert (rows[9].source, rows[9].destination, rows[9].protected) == ("UE A", "IMS-AGW", True)


def test_rows_between_nodes() -> None:
    """`between` keeps messages whose two ends are named; one name keeps all that this node sends or gets."""
    assert {row.protocol for row in ladder_rows(report(), between=["UE A", "IMS-ALG"])} == {"SIP"}
    assert [row.message for row in ladder_rows(report(), between=["Peer B"])] == [10, 14]


def test_rows_of_a_session() -> None:
    """`session` keeps the messages of one session."""
    assert 14 not in [row.message for row in ladder_rows(report(), session="call-1")]


def test_lanes_stand_as_call_flows_are_drawn() -> None:
    """UE, IMS-ALG, IMS-AGW, peer from left to right, whatever order the capture names them in."""
    shown = report()
    lanes = ladder_lanes(shown, ladder_rows(shown))
    assert [lane.name for lane in lanes] == ["UE A", "IMS-ALG", "IMS-AGW", "Peer B"]
    assert lanes[0].addresses == ("203.0.113.10",)


def test_two_edges_stand_as_mirrors() -> None:
    """With two IMS-ALGs the caller's side stands on the left and the called one's side on the right, turned round."""
    def place(name: str) -> Place:
        return Place(f"192.0.2.{len(name)}", 1, name)

    spoken = [("UE B", "IMS-ALG B"), ("NAT of UE B", "IMS-ALG B"), ("IMS-ALG B", "IMS-AGW B"), ("UE A", "IMS-ALG A"),
              ("IMS-ALG A", "IMS-AGW A"), ("IMS-ALG A", "IMS-ALG B"), ("IMS-AGW A", "IMS-AGW B"),
              ("NAT of UE A", "IMS-ALG A"), ("UE A", "NAT of UE A")]
    shown = report()
    shown.messages = tuple(message(at, place(one), place(other), "SIP", "INVITE sip:b")
                           for at, (one, other) in enumerate(spoken))
    shown.nodes = tuple(Node(name, (), "NAT" if name.startswith("NAT") else name[:-2], True)
                        for name in dict.fromkeys(name for pair in spoken for name in pair))
    assert [lane.name for lane in ladder_lanes(shown, ladder_rows(shown))] == [
        "UE A", "NAT of UE A", "IMS-ALG A", "IMS-AGW A", "IMS-AGW B", "IMS-ALG B", "NAT of UE B", "UE B"]


def test_text_form_marks_what_is_special() -> None:
    """Encrypted, repeated and broken messages are told apart without colour."""
    lines = ladder_text(report()).splitlines()
    assert any("MSRP [tls] SEND" in line and "=>" in line for line in lines)
    assert any("(again)" in line for line in lines)
    assert any("(!)" in line for line in lines)
    assert ladder_text(report(), between=["nobody"]) == "no messages"


def test_the_picture_has_a_name_and_a_description() -> None:
    """The SVG is well-formed XML with title, description and a name."""
    root = ET.fromstring(ladder_svg(report(), title="Call 1"))
    assert root.get("role") == "group" and root.get("aria-label") == "Call 1"
    assert root.findtext(f"{SVG}title") == "Call 1"
    assert "15 messages" in (root.findtext(f"{SVG}desc") or "")


def test_every_focusable_thing_has_a_name() -> None:
    """Each message is an item of a list, reachable by keyboard, with a sentence as its name; in both forms."""
    for svg, role in ((ladder_svg(report()), "button"),
                      (ladder_svg(report(), link=lambda row: f"#m{row.message}"), None)):
        root = ET.fromstring(svg)
        items = [e for e in root.iter(f"{SVG}g") if e.get("role") == "listitem"]
        assert len(items) == 15
        for item in items:
            focusable = item[0]
            assert focusable.get("role") == role
            assert focusable.get("tabindex") == "0" or (focusable.get("href") or "").startswith("#m")
            assert len(focusable.get("aria-label") or "") > 20
    names = [e.get("aria-label") or "" for e in root.iter(f"{SVG}a")]
    assert "encrypted on the wire" in names[9]
    assert "sent again" in names[2]
    assert "no start line" in names[14]


def test_the_chosen_message_is_marked() -> None:
    """Exactly one message is pressed, the one that was asked for."""
    root = ET.fromstring(ladder_svg(report(), selected=4))
    pressed = [e.get("data-message") for e in root.iter(f"{SVG}g") if e.get("aria-pressed") == "true"]
    assert pressed == ["4"]


def test_hostile_text_stays_text() -> None:
    """A summary full of markup and control characters gives no element, no attribute and no escape sequence."""
    shown = report(message(15, UE, ALG, "SIP", HOSTILE, comment=HOSTILE, wire=HOSTILE))
    svg = ladder_svg(shown, title=HOSTILE)
    root = ET.fromstring(svg)
    assert not list(root.iter(f"{SVG}script")) and not list(root.iter(f"{SVG}img"))
    assert "\x1b" not in svg and "\u202e" not in svg
    assert "\x1b" not in ladder_text(shown) and "\u202e" not in ladder_text(shown)


def test_a_long_ladder_says_what_it_leaves_out() -> None:
    """A picture holds a bounded number of rows, and tells how many more there are."""
    row = ladder_rows(report())[0]
    shown = report()
    svg = draw([row] * (MOST_ROWS + 7), ladder_lanes(shown, [row]))
    assert svg.count('role="listitem"') == MOST_ROWS
    assert "7 more messages are not drawn" in svg


def test_nothing_to_draw() -> None:
    """An empty ladder is still a picture that says so."""
    root = ET.fromstring(ladder_svg(report(), session="no such"))
    assert "0 messages" in (root.findtext(f"{SVG}desc") or "")
