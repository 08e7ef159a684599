"""How connections end: who closes what in which order on each wire, and what the controller is told."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

from msgspec import structs
from view_samples import AGW, ALG, HOSTILE, UE, message
from view_samples import report as sample

from workbench import scenarios
from workbench.analysis.values import Leg, Session
from workbench.views import endings, endings_html, endings_text
from workbench.views.endings import DOES, TOLD
from workbench.views.widgets import endings as picture


@cache
def run(scenario: str = "e2ae-tls-release", **knobs: str) -> Any:
    return scenarios.get(scenario).run(seed=1, **knobs)


def heard(*messages: Any) -> Any:
    session = Session("call-1", "msrp", (Leg("access", "UE A access", termination="ip/1/access/2"),))
    return SimpleNamespace(messages=messages, sessions=(session,))


def test_the_ue_ends_it() -> None:
    """UE A's close_notify is first, FIN follows on both legs, the controller is told once, then BYE and Subtract."""
    (ending,) = endings(run(how="ue").report)
    assert [(step.who, step.what) for step in ending.places["access"]] == [
        ("UE A", "close_notify"), ("UE A", "FIN"), ("IMS-AGW", "close_notify"), ("IMS-AGW", "FIN")]
    assert [(step.who, step.what) for step in ending.places["core"]] == [("IMS-AGW", "FIN"), ("Peer B", "FIN")]
    assert [step.what for step in ending.told] == ["access g/cause NR (normal release)"]
    assert [step.what for step in ending.done] == ["BYE to UE A", "BYE to Peer B", "Subtract"]
    assert ending.first == ending.places["access"][0]
    assert ending.said("core").endswith("IMS-AGW: FIN; 10.015 Peer B: FIN")


def test_what_the_controller_orders_it_is_not_told() -> None:
    """BYE is first, and nothing is notified."""
    (ending,) = endings(run(how="order").report)
    assert ending.told == () and ending.first is not None and ending.first.what == "BYE to IMS-ALG"


def test_a_failure_names_its_layer() -> None:
    """A refused certificate: a fatal alert on the access leg, and the event of TLS."""
    (ending,) = endings(run("e2ae-fingerprint-mismatch").report)
    assert ending.places["access"][0].what == "fatal bad_certificate"
    assert [step.what for step in ending.told] == ["access tlsbsc/BNCChange Fail"]


def test_a_connection_is_reset_once() -> None:
    """Several RST segments of one connection are one step; those of another connection are another."""
    again = message(1, UE, AGW, "TCP", "RST")
    other = structs.replace(message(2, UE, AGW, "TCP", "RST"), source=structs.replace(UE, port=9))
    (ending,) = endings(heard(message(0, UE, AGW, "TCP", "RST"), again, other))
    assert [step.frame for step in ending.places["access"]] == [1, 3]


def test_other_calls_and_repetitions_are_left_out() -> None:
    """What belongs to another session, was sent again or did not decode is no part of the end."""
    (ending,) = endings(heard(
        message(0, UE, AGW, "TCP", "FIN", session="call-2"), message(1, UE, AGW, "TCP", "FIN", repeated=True),
        message(2, UE, ALG, "SIP", "BYE sip:b", error="cut short"), message(3, UE, AGW, "TCP", "SYN")))
    assert ending.first is None and set(ending.places) == {"access", TOLD, DOES}
    assert not any(ending.places.values())


def test_text_and_html_say_the_same() -> None:
    """A block of lines and a row for each call; the first step is marked once a row, in words too."""
    reports = {how: run(how=how).report for how in ("ue", "order")}
    text, markup = endings_text(reports), endings_html(reports)
    assert text.count("the controller is told") == 2 and markup.count(" (first)") == markup.count("class=first") == 2
    for report in reports.values():
        for place, steps in endings(report)[0].places.items():
            assert place in text and place in markup
            assert all(step.what in text and step.what in markup for step in steps)
    assert markup.count("<th ") == markup.count("scope=") == 7 and 'tabindex="0"' in markup
    assert str(picture({"a": run(how="ue")})) == endings_text({"a": reports["ue"]})


def test_text_of_a_capture_is_harmless() -> None:
    """Names are escaped in HTML, and shown without control characters in text."""
    hostile = heard(structs.replace(message(0, UE, AGW, "TCP", "FIN"), source=structs.replace(UE, node=HOSTILE)))
    assert "<script>" not in endings_html({HOSTILE: hostile}) and "\x1b" not in endings_text({HOSTILE: hostile})


def test_nothing_to_show() -> None:
    """A capture without media connections says so."""
    empty = SimpleNamespace(messages=sample().messages, sessions=())
    assert "no call" in endings_text({"a": empty}) and "No call" in endings_html({"a": empty})
