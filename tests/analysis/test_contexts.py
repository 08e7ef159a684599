"""H.248 contexts over time: what accepted transactions, and only those, make of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from capturing import Frame, write
from crafted_signalling import NAMES, down, reserved, stream, subtracted, termination, up

from workbench.analysis.analyzing import analyze
from workbench.analysis.calls.context_values import ContextHistory, StreamState, TerminationState

CAPTURES = Path(__file__).parents[2] / "captures"


def contexts(tmp_path: Path, *frames: Frame) -> tuple[ContextHistory, ...]:
    """The contexts of a capture of these frames."""
    return analyze(write(tmp_path / "made.pcapng", list(frames), names=NAMES)).contexts


def exchange(time: float, number: int, context: object, ask: str, answer: str) -> list[Frame]:
    """An order in a context and its reply, 10 ms later."""
    return [down(time, f"Transaction = {number} {{ Context = {context} {{ {ask} }} }}"),
            up(time + 0.01, f"Reply = {number} {{ Context = {context} {{ {answer} }} }}")]


def in_it(history: ContextHistory) -> list[list[str]]:
    """Who is in the context, state by state."""
    return [[one.name for one in state.terminations] for state in history.states]


def test_what_the_octets_of_a_stored_capture_say() -> None:
    """e2ae-msrp-terminating, read by hand: frames 8 and 9 Add, 14 and 15 Modify, 16 and 17 Add, 61 and 62 Subtract."""
    (history,) = analyze(CAPTURES / "e2ae-msrp-terminating.pcapng").contexts
    assert (history.gateway, history.controller, history.number, history.begun) == ("IMS-AGW", "IMS-ALG", 1, True)
    assert [state.frame for state in history.states] == [9, 15, 17, 62]
    assert [state.time for state in history.states] == pytest.approx([10.007, 10.031, 10.035, 30.007], abs=1e-3)
    assert (history.since, history.until) == (history.states[0].time, history.states[3].time)
    armed = ("g/cause", "hangterm/thb", "tcpbcc/BNCChange", "tlsbsc/BNCChange")
    realm = "ipdc/realm=access.example.net"
    reserved_, established = (history.states[at].terminations[0] for at in (0, 1))
    assert reserved_ == TerminationState("ip/1/access/1", (StreamState(
        1, "Inactive", "TCP/TLS", "active", "198.51.100.1:40000", properties=(realm,)),), armed)
    assert established == TerminationState("ip/1/access/1", (StreamState(
        1, "SendReceive", "TCP/TLS", "active", "198.51.100.1:40000", "203.0.113.10:25045", properties=(realm,)),),
        armed, ("tlsbsc/EstBNC",))
    core = TerminationState("ip/1/core/2", (StreamState(
        1, "SendReceive", "TCP", "passive", "192.0.2.129:40002", "192.0.2.200:9",
        properties=("ipdc/realm=core.example.net",)),), armed[:3])
    assert history.states[2].terminations == (established, core)
    assert history.states[3].terminations == ()
    assert [state.change for state in history.states[1::2]] == [
        "Modify ip/1/access/1: stream 1 SendReceive, towards 203.0.113.10:25045; signals tlsbsc/EstBNC",
        "Subtract ip/1/access/1; Subtract ip/1/core/2"]


def test_paths_of_msrp_are_part_of_the_state() -> None:
    """msrp-aware-plain: the gateway's own a=path on the access side comes with the Modify of frames 18 and 19."""
    (history,) = analyze(CAPTURES / "msrp-aware-plain.pcapng").contexts
    before, after = (state.terminations[1].streams[0] for state in history.states[2:4])
    assert before.local_path == "" and after.local_path == "msrp://198.51.100.1:40002/RJX64VzCtGiYJFs2;tcp"
    assert after.remote_path == before.remote_path == "msrp://203.0.113.10:20370/Xu3ewPyLAlISmRUN;tcp"


def test_add_modify_and_subtract(tmp_path: Path) -> None:
    """A state for each accepted order; a second stream stands beside the first, and an empty Events disarms."""
    told = stream("", number=2, mode="SendOnly")
    (history,) = contexts(tmp_path, *reserved(), *exchange(
        1.0, 2, 7, f"Modify = ip/1/access/1 {{ Media {{ {told} }}, Events }}", "Modify = ip/1/access/1"),
        *subtracted(2.0, 3, "access/1"), *subtracted(3.0, 4, "core/1"))
    assert in_it(history) == [["ip/1/access/1", "ip/1/core/1"]] * 2 + [["ip/1/core/1"], []]
    first, second = (state.terminations[0] for state in history.states[:2])
    assert first.events == ("g/cause",) and second.events == ()
    assert [(one.number, one.mode, one.local) for one in second.streams] == [
        (1, "", "198.51.100.1:40000"), (2, "SendOnly", "")]
    assert history.states[1].change == "Modify ip/1/access/1: stream 2 SendOnly; no event armed"
    assert history.until == pytest.approx(3.01)


def test_move_changes_two_contexts(tmp_path: Path) -> None:
    """The termination keeps its state; the context that it leaves ends when nobody is left in it."""
    other = [down(0.5, f"Transaction = 2 {{ Context = $ {{ {termination('access/$', stream('$ $'))} }} }}"),
             up(0.6, f"Reply = 2 {{ Context = 8 {{ {termination('access/2', stream('198.51.100.1 40004'))} }} }}")]
    seven, eight = contexts(tmp_path, *reserved(), *other, *exchange(
        1.0, 3, 7, "Move = ip/1/access/2", "Move = ip/1/access/2"))
    assert in_it(seven)[-1] == ["ip/1/access/1", "ip/1/core/1", "ip/1/access/2"] and seven.until is None
    assert seven.states[-1].terminations[2].streams[0].local == "198.51.100.1:40004"
    assert eight.until == pytest.approx(1.01)
    assert (seven.states[-1].change, eight.states[-1].change) == (
        "Move ip/1/access/2", "Move ip/1/access/2 to context 7")


@pytest.mark.parametrize("name", ["ip/1/*", "*"])
def test_a_wildcard_is_for_all_that_are_there(tmp_path: Path, name: str) -> None:
    """Replies for each termination, and one reply for all of them, come to the same."""
    mode = f"Media {{ {stream('', mode='SendOnly')} }}"
    each = exchange(1.0, 2, 7, f"Modify = {name} {{ {mode} }}, Modify = ip/1/core/1 {{ Events }}",
                    "Modify = ip/1/access/1, Modify = ip/1/core/1, Modify = ip/1/core/1")
    once = exchange(1.0, 2, 7, f"W-Modify = {name} {{ {mode} }}", f"Modify = {name}")
    for frames in (each, once):
        (history,) = contexts(tmp_path, *reserved(), *frames, *exchange(
            2.0, 3, "*", "W-Subtract = *", "Subtract = *"))
        assert [one.streams[0].mode for one in history.states[1].terminations] == ["SendOnly", "SendOnly"]
        assert in_it(history)[-1] == [] and history.until == pytest.approx(2.01)


def test_what_was_refused_or_never_answered_changes_nothing(tmp_path: Path) -> None:
    """An error of the whole transaction, of a context, of one command of two; an order without reply; a repetition."""
    sends = f"{{ Media {{ {stream('', mode='SendOnly')} }} }}"
    error = 'Error = 430 { "Unknown TerminationID" }'
    whole = [down(1.0, f"Transaction = 2 {{ Context = 7 {{ Modify = ip/1/access/1 {sends} }} }}"),
             up(1.1, f"Reply = 2 {{ {error} }}")]
    refused = [down(0.5, f"Transaction = 9 {{ Context = $ {{ {termination('access/$', stream('$ $'))} }} }}"),
               up(0.6, 'Reply = 9 { Context = $ { Error = 510 { "Insufficient Resources" } } }')]
    context = exchange(2.0, 3, 7, f"Modify = ip/1/access/1 {sends}", error)
    silent = down(3.0, "Transaction = 4 { Context = 7 { Subtract = ip/1/access/1 } }")
    half = exchange(4.0, 5, 7, f"Modify = ip/1/access/1 {sends}, Modify = ip/1/core/1 {sends}",
                    f"Modify = ip/1/access/1, Modify = ip/1/core/1 {{ {error} }}")
    (history,) = contexts(tmp_path, *reserved(), *refused, *whole, *context, silent, *half, up(4.5, (
        "Reply = 5 { Context = 7 { Modify = ip/1/access/1, Modify = ip/1/core/1 } }")))
    assert len(history.states) == 2 and history.until is None
    assert [one.streams[0].mode for one in history.states[1].terminations] == ["SendOnly", ""]


def test_audits_change_nothing_and_show_what_is_older_than_the_capture(tmp_path: Path) -> None:
    """The null context has no state; of a context that was made before, an audit tells who is in it, and how."""
    nothing = exchange(1.0, 2, "-", "AuditValue = ROOT { Audit { Packages } }", "AuditValue = ROOT")
    shown = f"Media {{ {stream('198.51.100.1 40000', mode='SendReceive')} }}"
    audit = exchange(2.0, 3, 7, "AuditValue = ip/1/access/1 { Audit { Media } }",
                     f"AuditValue = ip/1/access/1 {{ {shown} }}")
    assert contexts(tmp_path, *nothing) == ()
    (history,) = contexts(tmp_path, *nothing, *audit, *exchange(
        3.0, 4, 7, "AuditValue = ip/1/access/1 { Audit { Media } }", f"AuditValue = ip/1/access/1 {{ {shown} }}"))
    (state,) = history.states
    assert not history.begun and state.frame == 4
    assert state.terminations[0].streams == (
        StreamState(1, "SendReceive", "TCP", "", "198.51.100.1:40000"),)
    (made,) = contexts(tmp_path, *reserved(), *exchange(
        3.0, 4, 7, "AuditValue = ip/1/access/1 { Audit { } }", "AuditValue = ip/1/access/1"))
    assert len(made.states) == 1


def restarted(method: str, reason: str, name: str = "ROOT") -> Frame:
    """What a gateway announces at 5 s; nobody answers."""
    return up(5.0, f"Transaction = 90 {{ Context = - {{ ServiceChange = {name} {{ Services {{ Method = {method}, "
                   f'Reason = "{reason}" }} }} }} }}')


@pytest.mark.parametrize(("method", "reason", "lost"), [
    ("Restart", "901 Cold Boot", True), ("Forced", "905 Termination Taken Out Of Service", True),
    ("Disconnected", "900 Service Restored", False), ("Graceful", "905 Termination Taken Out Of Service", False),
    ("Restart", "916 Packages Change", False)])
def test_a_gateway_that_lost_its_state_has_no_contexts(tmp_path: Path, method: str, reason: str, *, lost: bool) -> None:
    """Restart and Forced on ROOT end all contexts when they are announced; others do not."""
    (history,) = contexts(tmp_path, *reserved(), restarted(method, reason))
    assert history.until == (5.0 if lost else None)
    assert (history.states[-1].change == f"ServiceChange {method} {reason} of the gateway") == lost


def test_a_number_may_be_given_again(tmp_path: Path) -> None:
    """The later context is another one; and a termination out of service stays in its context."""
    first, second = contexts(tmp_path, *reserved(), *subtracted(1.0), *reserved(at=2.0, number=6), restarted(
        "Forced", "904 Termination malfunctioning", "ip/1/access/1"))
    assert (first.number, second.number) == (7, 7)
    assert first.until == pytest.approx(1.01) and second.since == pytest.approx(2.1)
    assert [one.service for one in second.states[-1].terminations] == ["OutOfService", ""]


def test_what_is_held_is_bounded(tmp_path: Path) -> None:
    """Of 1,100 changes the first ones and the last one are held, and the number of the others."""
    frames = [frame for turn in range(1100) for frame in exchange(
        1 + turn / 10, 100 + turn, 7, f"Modify = ip/1/access/1 {{ Media {{ "
        f"{stream('', mode='SendOnly' if turn % 2 else 'Inactive')} }} }}", "Modify = ip/1/access/1")]
    (history,) = contexts(tmp_path, *reserved(), *frames)
    assert len(history.states) == 1000 and history.left_out == 101
    assert history.states[-1].time == pytest.approx(1 + 109.9 + 0.01)
