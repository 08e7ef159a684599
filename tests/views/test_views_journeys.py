"""The way of each message: joined hop by hop, through NATs, with what is inside TLS and who has it in the clear."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

from msgspec import structs
from view_samples import AGW, HOSTILE, PEER, UE, message
from view_samples import report as sample

from workbench import scenarios
from workbench.views import journeys, journeys_html, journeys_text
from workbench.views.widgets import journeys as picture


@cache
def run(scenario: str, weakened: str | None = None, **knobs: str) -> Any:
    return scenarios.get(scenario).run(seed=1, weakened=weakened, **knobs)


def capture(*messages: Any) -> Any:
    return SimpleNamespace(messages=messages, sessions=())


def test_a_message_goes_on_from_node_to_node() -> None:
    """Inside TLS to the gateway, in the clear behind it: the gateway reads it, and so does the core wire."""
    said = journeys(run("e2ae-msrp-originating").report, texts_only=True)
    assert said and all(one.readers == ("IMS-AGW",) and one.clear_on == ("Core",) for one in said)
    assert said[0].nodes == ("UE A", "IMS-AGW", "Peer B")
    assert [hop.protected for hop in said[0].hops] == [True, False]


def test_a_nat_is_no_hop() -> None:
    """TLS passes a NAT untouched, so it stands in no way, whichever direction a message takes."""
    said = journeys(run("e2ae-both-behind-nat").report)
    assert {one.readers for one in said} == {("IMS-AGW A", "IMS-AGW B"), ("IMS-AGW B", "IMS-AGW A")}
    assert {one.nodes[0] for one in said} == {"UE A", "UE B"}


def test_a_man_in_the_middle_is_one() -> None:
    """He ends TLS, so he has everything in the clear, and no wire shows it but the core."""
    weak = scenarios.get("e2ae-man-in-the-middle").weakened[0].name
    said = journeys(run("e2ae-man-in-the-middle", weak).report, texts_only=True)
    assert said[0].nodes == ("UE A", "Mallory", "IMS-AGW", "Peer B") and said[0].text == "For Bob alone."
    assert all("Mallory" in one.readers and one.clear_on == ("Core",) for one in said)


def test_the_same_words_twice_are_two_messages() -> None:
    """What is said again to the same node goes its own way."""
    there = [message(index, UE, AGW, "BFCP", "Hello 1", protected=True) for index in (0, 2)]
    on = [message(index, AGW, PEER, "BFCP", "Hello 1", wire="Core") for index in (1, 3)]
    assert [one.nodes for one in journeys(capture(there[0], on[0], there[1], on[1]))] == [
        ("UE A", "IMS-AGW", "Peer B")] * 2
    assert [one.nodes for one in journeys(capture(there[0], there[1], on[0], on[1]))] == [
        ("UE A", "IMS-AGW", "Peer B")] * 2


def test_what_comes_back_is_another_message() -> None:
    """A message does not pass the same node twice."""
    back = message(1, AGW, UE, "BFCP", "Hello 1")
    assert [one.nodes for one in journeys(capture(message(0, UE, AGW, "BFCP", "Hello 1"), back))] == [
        ("UE A", "IMS-AGW"), ("IMS-AGW", "UE A")]


def test_text_and_html_say_the_same() -> None:
    """Each way is a line and a row; TLS and clear are told in words."""
    report = run("e2ae-msrp-originating").report
    text, markup = journeys_text(report), journeys_html(report)
    ways = journeys(report)
    assert len(text.splitlines()) == len(ways) == markup.count("<tr><td")
    hops = [hop for one in ways for hop in one.hops]
    assert text.count("=TLS=") == markup.count("inside TLS</span>") == sum(hop.protected for hop in hops)
    assert text.count("-clear-") == markup.count("in the clear</span>") == sum(not hop.protected for hop in hops)
    assert 'tabindex="0"' in markup and markup.count("<th ") == markup.count("scope=") == 3
    assert str(picture(run("e2ae-msrp-originating"), texts_only=True)) == journeys_text(report, texts_only=True)


def test_long_texts_are_cut() -> None:
    """Of what is said the beginning is shown; what is no text is not."""
    long = [structs.replace(message(index, UE, AGW, "MSRP", f"SEND {index}"), value=SimpleNamespace(body=body))
            for index, body in enumerate((b"x" * 61, b"x" * 60, b"\xff"))]
    assert [one.text for one in journeys(capture(*long))] == ["x" * 59 + "…", "x" * 60, ""]
    assert len(journeys(capture(*long), texts_only=True)) == 2


def test_text_of_a_capture_is_harmless() -> None:
    """Names and words are escaped in HTML, and shown without control characters in text."""
    said = structs.replace(message(0, structs.replace(UE, node=HOSTILE), AGW, "MSRP", HOSTILE),
                           value=SimpleNamespace(body=HOSTILE.encode()))
    assert "<script>" not in journeys_html(capture(said)) and "\x1b" not in journeys_text(capture(said))


def test_nothing_to_show() -> None:
    """A capture without such messages says so."""
    nothing = capture(*(one for one in sample().messages if one.protocol != "MSRP"))
    assert "no message" in journeys_text(nothing) and "No message" in journeys_html(nothing)
