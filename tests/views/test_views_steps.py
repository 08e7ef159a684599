"""Steps: what an observer of the wires knows after each message."""

from __future__ import annotations

from view_samples import report

from workbench.views import step_text, steps
from workbench.views.steps import state_html


def test_roles_grow_with_the_messages() -> None:
    """TCP and TLS roles appear when the wire shows them, not before."""
    found = steps(report())
    assert found[2].state["UE A"].get("TCP on UE A access") is None
    assert found[3].state["UE A"]["TCP on UE A access"] == "client, SYN sent"
    assert found[4].state["IMS-AGW"]["TCP on UE A access"] == "server, accepted"
    assert found[6].state["IMS-AGW"]["TLS on UE A access"] == "server, ServerHello sent"
    assert found[8].state["UE A"]["TLS on UE A access"] == "client, established"
    assert found[8].state["IMS-AGW"]["TLS on UE A access"] == "server, established"
    assert found[9].state["UE A"]["MSRP on UE A access"] == "sends inside TLS"
    assert found[10].state["Peer B"]["MSRP on Core"] == "receives in clear"
    assert found[13].state["UE A"]["TCP on UE A access"] == "client, closed"


def test_a_step_names_what_it_changed() -> None:
    """A retransmission changes nothing; a SYN changes both ends."""
    found = steps(report())
    assert found[2].changed == {}
    assert found[3].changed == {"UE A": ("TCP on UE A access",), "IMS-AGW": ("TCP on UE A access",)}


def test_an_earlier_step_keeps_its_state() -> None:
    """Steps are values: looking at a later one does not change an earlier one."""
    found = steps(report())
    assert found[0].state["IMS-AGW"] == {}
    assert found[0].state["UE A"] == {"SIP on UE A access": "offer sent (UAC)"}


def test_text_and_html_say_the_same() -> None:
    """Both forms name every node and mark what is new."""
    step = steps(report())[3]
    assert " * TCP on UE A access: client, SYN sent" in step_text(step)
    assert "TCP on UE A access (new)" in state_html(step)
    assert "nothing seen yet" in step_text(step)


def test_only_one_session() -> None:
    """Steps of a session leave out other messages, and count their own."""
    found = steps(report(), session="call-1")
    assert [step.index for step in found] == list(range(14))
