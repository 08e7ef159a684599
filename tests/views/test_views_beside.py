"""Two captures beside one another: what is alike stands in one row, what is not stands alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from view_samples import AGW, ALG, HOSTILE, UE, message

from workbench.views import beside_html, beside_rows, beside_text
from workbench.views.widgets import beside

ORDER = message(1, ALG, AGW, "H.248", "Modify ip/1/access/2 in 1 [1004]", wire="Iq")
HELLO = message(2, AGW, UE, "TLS", "ClientHello TLS 1.3")


def capture(*messages: Any) -> Any:
    return SimpleNamespace(messages=messages)


def with_rule(*more: Any) -> Any:
    return capture(message(0, UE, ALG, "SIP", "INVITE sip:b@home2.example"), *more,
                   message(5, UE, ALG, "SIP", "BYE sip:b@home2.example"))


def test_what_both_show_stands_in_one_row() -> None:
    """Offer and BYE are alike; order and ClientHello stand alone, on the side that shows them."""
    rows = beside_rows(with_rule(), with_rule(ORDER, HELLO))
    assert [row.alike for row in rows] == [True, False, False, True]
    assert [(row.left, row.right) for row in rows[1:3]] == [(None, ORDER), (None, HELLO)]
    turned = beside_rows(with_rule(ORDER, HELLO), with_rule())
    assert [row.left for row in turned[1:3]] == [ORDER, HELLO]


def test_numbers_may_differ() -> None:
    """Ports, transaction ids and prints are not what makes two messages unlike; words and directions are."""
    other = message(1, ALG, AGW, "H.248", "Modify ip/1/access/7 in 3 [2009]", wire="Iq")
    assert [row.alike for row in beside_rows(capture(ORDER), capture(other))] == [True]
    answer = message(1, AGW, ALG, "H.248", "Modify ip/1/access/2 in 1 [1004]", wire="Iq")
    assert [row.alike for row in beside_rows(capture(ORDER), capture(answer))] == [False, False]


def test_only_what_is_asked_for() -> None:
    """Time, wires and protocols choose; retransmissions are left out."""
    right = with_rule(ORDER, HELLO, message(3, AGW, UE, "TLS", "ClientHello TLS 1.3", repeated=True))
    assert len(beside_rows(with_rule(), right)) == 4
    assert [row.right for row in beside_rows(with_rule(), right, protocols=["TLS"])] == [HELLO]
    assert [row.right for row in beside_rows(with_rule(), right, wires=["Iq"])] == [ORDER]
    assert [row.right for row in beside_rows(with_rule(), right, since=0.0015, until=0.003)] == [HELLO]


def test_text_and_html_mark_what_only_one_shows() -> None:
    """A mark in text and words in HTML; the box is reached by keyboard."""
    shown = {"kept": with_rule(), "anew": with_rule(HELLO)}
    lines = beside_text(shown).splitlines()
    assert lines[:2] == ["< kept", "> anew"] and [line[0] for line in lines[3:]] == ["=", ">", "="]
    markup = beside_html(shown)
    assert markup.count("only here: ") == markup.count("<td class=only>") == 1 and 'tabindex="0"' in markup
    picture = beside({"kept": SimpleNamespace(report=shown["kept"]), "anew": shown["anew"]}, since=0.001)
    assert len(str(picture).splitlines()) == 5 and "kept" in picture._repr_html_()


def test_text_of_a_capture_is_harmless() -> None:
    """Summaries are escaped in HTML, and shown without control characters in text."""
    hostile = {HOSTILE: capture(message(0, UE, ALG, "SIP", HOSTILE)), "b": capture()}
    assert "<script>" not in beside_html(hostile) and "\x1b" not in beside_text(hostile)


def test_nothing_to_show() -> None:
    """Two captures without such messages say so."""
    shown = {"a": capture(), "b": capture(ORDER)}
    assert "neither" in beside_text(shown, protocols=["SIP"]) and "Neither" in beside_html(shown, protocols=["SIP"])
