"""Who holds a floor over time: told from BFCP messages, each counted once however many wires it passes."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

from msgspec import structs
from view_samples import AGW, HOSTILE, PEER, UE, message
from view_samples import report as sample

from workbench import scenarios
from workbench.protocols.bfcp import messages as bfcp
from workbench.protocols.bfcp import wire
from workbench.protocols.bfcp.registry import Primitive, Status
from workbench.views import floor_rows, floors_html, floors_text
from workbench.views.floors import ASKED, HOLDS, PENDING, QUEUED


@cache
def run() -> Any:
    return scenarios.get("e2ae-bfcp-originating").run(seed=1)


def said(index: int, primitive: Primitive, *attributes: bfcp.Attribute, by_server: bool = False, **more: Any) -> Any:
    """A BFCP message of user 234 on two wires, or on the one that is given."""
    value = bfcp.Message(primitive, 4321, 0 if by_server else index + 1, 234, attributes)
    ends = (PEER, AGW) if by_server else (UE, AGW)
    return message(index, *ends, "BFCP", primitive.name, value=value, octets=wire.encode(value), **more)


def status(index: int, status: int, **more: Any) -> Any:
    request = bfcp.Request(7, (bfcp.FloorStatus(543, status),), status)
    return said(index, Primitive.FLOOR_REQUEST_STATUS, bfcp.request_information(request), by_server=True, **more)


def heard(*messages: Any) -> Any:
    return SimpleNamespace(messages=messages)


def test_the_floor_passes() -> None:
    """UE A asks, waits for the chair, holds; UE C waits in the queue, and holds when UE A gives it back."""
    rows = floor_rows(run().report)
    of_a = list(dict.fromkeys(row.states["UE A"] for row in rows))
    of_c = [row.states["UE C"] for row in rows]
    assert of_a == [ASKED, PENDING, HOLDS, ""]
    assert list(dict.fromkeys(of_c)) == ["", ASKED, PENDING, QUEUED, HOLDS]
    assert [row.holders for row in rows if row.said.endswith("back")] == [(), ()]
    assert all(len(row.holders) <= 1 for row in rows)


def test_each_message_counts_once() -> None:
    """A message on two wires is one row; the same words again on a wire it has passed are a second message."""
    rows = floor_rows(heard(
        said(0, Primitive.FLOOR_REQUEST, bfcp.floor_id(543)), status(1, Status.GRANTED, wire="Core"),
        status(2, Status.GRANTED), status(3, Status.REVOKED, wire="Core"), status(4, Status.REVOKED)))
    assert [row.said for row in rows] == [
        "UE A asks for floor 543", "UE A is told: request 7 granted", "UE A is told: request 7 revoked"]
    assert [row.states["UE A"] for row in rows] == [ASKED, HOLDS, ""] and rows[0].floor == 543


def test_a_request_may_be_withdrawn() -> None:
    """FloorRelease before the floor is held withdraws; a status that nobody knows ends the request."""
    asks = said(0, Primitive.FLOOR_REQUEST, bfcp.floor_id(543))
    assert floor_rows(heard(asks, said(1, Primitive.FLOOR_RELEASE, bfcp.request_id(7))))[-1].said == (
        "UE A withdraws its request")
    unknown = floor_rows(heard(asks, status(1, 99)))[-1]
    assert unknown.said.endswith("status 99") and unknown.states == {"UE A": ""}


def test_text_and_html_say_the_same() -> None:
    """Each row of the table is a line of text; head cells have a scope, and the box is reached by keyboard."""
    text, markup = floors_text(run().report), floors_html(run().report)
    for row in floor_rows(run().report):
        assert row.said in text and row.said in markup and f"{row.time:.3f}" in markup
    assert markup.count("<th ") == markup.count("scope=") == 5 and 'tabindex="0"' in markup
    assert '<td class="holds">holds the floor</td>' in markup and '<td class="holds goes">' in markup


def test_names_of_a_capture_are_harmless() -> None:
    """Names are escaped in HTML, and shown without control characters in text."""
    asks = said(0, Primitive.FLOOR_REQUEST, bfcp.floor_id(543))
    hostile = heard(structs.replace(asks, source=structs.replace(UE, node=HOSTILE)))
    assert "<script>" not in floors_html(hostile) and "\x1b" not in floors_text(hostile)


def test_nothing_to_show() -> None:
    """A capture without floors says so."""
    assert floor_rows(sample()) == [] and "no floor" in floors_text(sample()) and "No floor" in floors_html(sample())
