"""Sequence numbers across a gateway: flows, copies, pauses, and the three forms of it."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import pytest
from view_samples import report as sample

from workbench import scenarios
from workbench.analysis.calls.segments import LegSegment
from workbench.analysis.values import Handling, Session
from workbench.views.palette import COLOURS, TEXT_COLOURS
from workbench.views.sequences import (
    MOVED,
    OWN,
    SAME,
    Sequences,
    lay_out,
    sequences_html,
    sequences_of,
    sequences_text,
)
from workbench.views.sequences_picture import sequences_figure, without_pauses

A, B, AGW = "UE A", "UE B", "IMS-AGW"


def talk(client: str, server: str, start: float, isn: tuple[int, int], frame: int, data: int = 100) -> list[LegSegment]:
    """SYN, SYN ACK, ACK, one payload of the client's and its acknowledgement, ten milliseconds apart."""
    x, y = isn
    told = [(client, server, "SYN", x, None, 0), (server, client, "SYN, ACK", y, x + 1, 0),
            (client, server, "ACK", x + 1, y + 1, 0), (client, server, "payload", x + 1, y + 1, data),
            (server, client, "ACK", y + 1, x + 1 + data, 0)]
    return [LegSegment(frame + 2 * at, start + 0.01 * at, sender, receiver, kind, sequence & 0xFFFFFFFF,
                       None if ack is None else ack & 0xFFFFFFFF, size)
            for at, (sender, receiver, kind, sequence, ack, size) in enumerate(told)]


def laid_out(handling: str, access: list[LegSegment], core: list[LegSegment]) -> Sequences:
    session = Session("call-1", "msrp", handling=handling, handlings=(Handling(AGW, handling, (), ""),))
    return lay_out(session, [("access", access), ("core", core)])


def test_a_relay_goes_on_with_the_numbers() -> None:
    """The same initial numbers on both legs in both directions, and each segment of the gateway is a copy."""
    found = laid_out("relay", talk(A, AGW, 1.0, (5000, 70), 1), talk(AGW, B, 1.001, (5000, 70), 2))
    assert [(flow.sender, flow.receiver, flow.across) for flow in found.flows] == [(A, B, (SAME,)), (B, A, (SAME,))]
    copies = [row for row in found.rows if row.by_gateway]
    assert [row.origin for row in copies if row.leg == "core"] == [1, 5, 7]
    assert [row.relative for row in found.rows if row.kind == "payload"] == [1, 1]
    assert "passed on, frame 1" in {row.whence for row in copies}


def test_translation_moves_the_numbers() -> None:
    """Two peers opened with numbers of their own: the distance to the initial number is what stays the same."""
    found = laid_out("merge by translation", talk(A, AGW, 1.0, (5000, 70), 1),
                     [*talk(B, AGW, 1.2, (900, 2**32 - 20), 101)[:3],
                      LegSegment(120, 1.3, AGW, B, "payload", 2**32 - 19, 901, 100)])
    assert {flow.across for flow in found.flows} == {(MOVED,)}
    assert [row.origin for row in found.rows if row.frame == 120] == [7]


def test_a_proxy_has_numbers_of_its_own() -> None:
    """Other initial numbers, and no segment of the gateway counts as a copy even if it looks like one."""
    found = laid_out("proxy", talk(A, AGW, 1.0, (5000, 70), 1), talk(AGW, B, 1.001, (6000, 71), 2))
    assert {flow.across for flow in found.flows} == {(OWN,)}
    assert not any(row.origin for row in found.rows)
    assert {row.whence for row in found.rows} == {"from the peer", "the gateway's own"}


def test_numbers_wrap() -> None:
    """A number behind 2^32 is as far from the initial one as any (RFC 9293 §3.4)."""
    found = laid_out("relay", talk(A, AGW, 1.0, (2**32 - 10, 70), 1), talk(AGW, B, 1.001, (2**32 - 10, 70), 2))
    assert max(row.acknowledges or 0 for row in found.rows) == 101


def test_a_second_connection_lies_beside_the_second_one() -> None:
    """After a renegotiation each leg has another connection; the pairs stay together."""
    session = Session("call-1", "msrp", handling="proxy")
    found = lay_out(session, [
        ("access", talk(A, AGW, 1.0, (1, 2), 1)), ("access", talk(A, AGW, 9.0, (3, 4), 51)),
        ("core", talk(AGW, B, 1.1, (5, 6), 2)), ("core", talk(AGW, B, 9.1, (7, 8), 52)), ("core", [])])
    assert [flow.legs for flow in found.flows] == [
        ("access", "core"), ("core", "access"), ("access (2)", "core (2)"), ("core (2)", "access (2)")]


def test_two_gateways() -> None:
    """Three legs in a row, and what each gateway does is told by its own name."""
    names = "IMS-AGW A", "IMS-AGW B"
    session = Session("call-1", "msrp", handling="proxy", handlings=(
        Handling(names[0], "relay", (), ""), Handling(names[1], "proxy", (), "")))
    found = lay_out(session, [
        ("access A", talk(A, names[0], 1.0, (1, 2), 1)), ("core", talk(names[0], names[1], 1.1, (1, 2), 2)),
        ("access B", talk(names[1], B, 1.2, (5, 6), 101))])
    assert found.flows[0].across == (SAME, OWN) and found.flows[1].across == (OWN, SAME)
    assert (found.flows[1].sender, found.flows[1].gateways) == (B, names[::-1])


def test_a_refused_second_connection() -> None:
    """A gateway's RST is its own, although there is no other leg; what was used comes first."""
    syn, answer, *_ = talk(A, AGW, 9.0, (3, 4), 51)
    session = Session("call-1", "msrp", handling="proxy", handlings=(Handling(AGW, "proxy", (), ""),))
    found = lay_out(session, [
        ("access", talk(A, AGW, 1.0, (1, 2), 1)), ("access", [syn, msgspec.structs.replace(answer, kind="RST")]),
        ("core", talk(AGW, B, 1.1, (5, 6), 2))])
    assert [(row.leg, row.whence) for row in found.rows if row.kind == "RST"] == [("access (2)", "the gateway's own")]
    assert found.flows[3].initial == (None,)


@pytest.mark.parametrize(("times", "places"), [
    ([], []), ([3.0], [0.0]), ([1.0, 1.01, 9.0, 9.02], [0.0, 0.01, 0.06, 0.08])])
def test_pauses_are_cut(times: list[float], places: list[float]) -> None:
    """Short distances stay, and what is longer than the longest pause becomes just that."""
    assert without_pauses(times, 0.05) == pytest.approx(places)


@cache
def run() -> Any:
    return scenarios.get("e2ae-msrp-originating").run(seed=1)


def test_text_form() -> None:
    """The word of the analyser, the flows as sentences, and a line for each segment."""
    lines = sequences_text(run().report).splitlines()
    assert lines[0] == "handling: proxy"
    assert "numbers of its own" in lines[1] and lines[1].startswith("UE A to Peer B: access begins at ")
    assert lines[4].split() == ["time", "frame", "leg", "who", "segment", "number", "acknowledges", "where", "it",
                                "comes", "from"]
    rows = sequences_of(run().report).rows
    assert len(lines) == 5 + len(rows) and "SYN" in lines[5]


def test_html_form() -> None:
    """A table whose head cells have a scope, in a box that the keyboard can scroll."""
    markup = sequences_html(run().report)
    assert markup.count("<th ") == markup.count("scope=") > 0
    assert 'tabindex="0"' in markup and "numbers of its own" in markup


def test_the_figure_shows_every_segment() -> None:
    """A panel a direction; each segment with payload or a mark of its own is a point, each leg has its own symbol."""
    figure = sequences_figure(run().report)
    rows = sequences_of(run().report).rows
    segments = [trace for trace in figure.data if trace.name.endswith("segments")]
    assert sum(len(trace.x) for trace in segments) == sum(1 for row in rows if row.size or row.kind != "ACK")
    assert len({trace.marker.symbol for trace in segments}) == len({trace.line.dash for trace in segments}) == 2


def test_colours_of_legs_can_be_seen() -> None:
    """Legs are drawn in colours that text may have: a contrast of 4.5 on paper (WCAG 1.4.11 asks for 3)."""
    drawn = {trace.marker.color for trace in sequences_figure(run().report).data}
    assert drawn <= {COLOURS[name][0] for name in TEXT_COLOURS} and len(drawn) == 2


def test_no_connection() -> None:
    """A capture without TCP says so in each form."""
    shown = sample()
    shown.sessions = ()
    assert "no TCP connection" in sequences_text(shown)
    assert "No TCP connection" in sequences_html(shown)
    assert not sequences_figure(shown).data
