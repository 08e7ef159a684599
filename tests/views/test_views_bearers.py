"""Handling, bindings and latching in words: rows, text, HTML."""

from __future__ import annotations

from functools import cache
from typing import Any

from view_samples import HOSTILE
from view_samples import report as sample

from workbench import scenarios
from workbench.analysis.values import Handling, Leg, NatBinding, Place, Session
from workbench.views import bearers_html, bearers_text, binding_rows, handling_rows, report_html, role_rows, roles_text
from workbench.views.bearers import HANDLED, frames_said, peer_said


@cache
def run() -> Any:
    return scenarios.get("e2ae-msrp-originating").run(seed=1, nat="behind")


def test_what_the_gateway_does_is_said_with_its_evidence() -> None:
    """A row a gateway, with the reason and the frames."""
    (row,) = handling_rows(run().report)
    assert (row.gateway, row.told) == ("IMS-AGW", HANDLED["proxy"])
    assert "initial sequence number" in row.why and row.frames
    assert "proxy: two TCP connections" in bearers_text(run().report)


def test_bindings_are_told_once() -> None:
    """The NAT's binding for SIP belongs to several sessions, and is one row; `protocol` chooses."""
    rows = binding_rows(run().report)
    assert [row.protocol for row in rows].count("UDP") == 1
    (tcp,) = binding_rows(run().report, protocol="TCP")
    assert tcp.inside.startswith("UE A (10.0.0.10:") and tcp.outside.startswith("203.0.113.10:")
    assert "is seen as 203.0.113.10:" in bearers_text(run().report)


def test_latching_is_said_in_words() -> None:
    """Where SDP puts a peer, where it is, and which of them the gateway uses."""
    assert peer_said(Leg("access", "w", signalled="10.0.0.10:9", actual="203.0.113.10:24977", latched=True)) == (
        "10.0.0.10:9 in SDP, 203.0.113.10:24977 seen, latched to what was seen")
    assert peer_said(Leg("core", "w", signalled="192.0.2.200:5", actual="192.0.2.200:5", latched=False)).endswith(
        "as signalled")
    assert peer_said(Leg("core", "w", signalled="192.0.2.200:5")) == "192.0.2.200:5 in SDP, nothing seen"
    assert peer_said(Leg("core", "w")) == ""
    access, core = role_rows(run().report)
    assert access.peer.endswith("latched to what was seen") and core.peer.endswith("as signalled")
    assert "latched to what was" in roles_text(run().report)


def test_long_lists_of_frames_are_cut() -> None:
    """Four frames and how many more."""
    assert frames_said((1, 2, 3)) == "1, 2, 3" and frames_said(tuple(range(9))) == "0, 1, 2, 3 and 5 more"


def test_the_page_tells_it() -> None:
    """The one-file page has handling and bindings beside the roles; head cells have a scope."""
    page = report_html([run()])
    assert "TCP handling and NAT bindings" in page and "proxy: two TCP connections" in page
    markup = bearers_html(run().report)
    assert markup.count("<th ") == markup.count("scope=") > 0


def test_nothing_to_tell() -> None:
    """No gateway, no NAT."""
    assert bearers_html(sample()) == ""
    assert bearers_text(sample()).startswith("no gateway")


def test_hostile_names_stay_text() -> None:
    """Names from a capture open no element."""
    shown = sample()
    place = Place("192.0.2.1", 1, HOSTILE)
    shown.sessions = (Session("call-1", "msrp", handlings=(Handling(HOSTILE, "", (1,), HOSTILE),),
                              bindings=(NatBinding(HOSTILE, "TCP", place, place, place, (1,)),)),)
    assert "<script>" not in bearers_html(shown) and "\x1b" not in bearers_text(shown)
    assert "can not be told" in bearers_text(shown)
