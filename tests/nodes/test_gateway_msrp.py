"""Application-aware MSRP at an IMS-AGW: paths of the leg on which a message leaves, and nothing else changed."""

from __future__ import annotations

import pytest
from agw_stage import (
    EVENTS,
    PEER,
    UE,
    UE_PRINT,
    A,
    C,
    Peer,
    Stage,
    add,
    error,
    given,
    local,
    modify,
    remote,
    settle,
    stream,
    ue_session,
)

from workbench.net.values import Endpoint, Note, OpenStream, PauseStream, Stream, StreamFull, StreamWritable
from workbench.protocols.h248 import message as h248

UE_SOURCE = Endpoint(UE.host, 5555)
PATHS = {
    "ue": "msrp://10.20.30.40:2855/ueuser;tcp", "inside": "msrp://198.51.100.20:40000/inside;tcp",
    "outside": "msrp://198.51.100.21:40002/outside;tcp",
    "peer": "msrp://relay.example.net:9000/hop;tcp msrp://203.0.113.7:7394/peeruser;tcp",
}  # fmt: skip


def path(name: str) -> str:
    return f"a=path:{PATHS[name]}"


def send(transaction: str, to: str, origin: str, body: bytes = b"hello", flag: str = "$", *lines: str) -> bytes:
    head = [f"MSRP {transaction} SEND", f"To-Path: {to}", f"From-Path: {origin}", "Message-ID: 87652491", *lines,
            f"Byte-Range: 1-{len(body)}/{len(body)}", "Content-Type: text/plain", "", ""]
    return "\r\n".join(head).encode() + body + f"\r\n-------{transaction}{flag}\r\n".encode()


def response(transaction: str, status: str, to: str, origin: str) -> bytes:
    return f"MSRP {transaction} {status}\r\nTo-Path: {to}\r\nFrom-Path: {origin}\r\n-------{transaction}$\r\n".encode()


def aware(stage: Stage, *, tls: bool = False) -> tuple[Peer, Peer]:
    """Both endpoints with an MSRP transport and both paths, both connections up."""
    proto, own, theirs = "TCP/MSRP", [path("inside")], [path("ue")]
    if tls:
        proto = "TCP/TLS/MSRP"
        own.append("a=fingerprint:SHA-256 $")
        theirs.append(f"a=fingerprint:{UE_PRINT}")
    inside = given(stage.orders(add("access", stream(
        local(proto, "passive", *own), remote(proto, "active", UE, *theirs), realm=A), EVENTS.format(1))))
    outside = given(stage.orders(add("core", stream(
        local("TCP/MSRP", "active", path("outside")), remote("TCP/MSRP", "passive", PEER, path("peer")), realm=C),
        EVENTS.format(2), context=1)))
    return connected(stage, inside, outside, tls=tls)


def connected(stage: Stage, inside: Endpoint, outside: Endpoint, *, tls: bool = False) -> tuple[Peer, Peer]:
    ue = Peer(stage, Stream(inside, UE_SOURCE), ue_session(True) if tls else None).connects()
    stage.does(OpenStream(Stream(outside, PEER)))
    peer = Peer(stage, Stream(outside, PEER)).up()
    ue.up()
    settle(ue, peer)
    return ue, peer


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "TLS at the access"])
def test_paths_are_those_of_the_leg(tls):
    """R-5.19.5-1, -2, -4: To-Path is the remote path of the departure leg, relays included; all else is as it was."""
    stage = Stage()
    ue, peer = aware(stage, tls=tls)
    ue.sends(send("d93kswow", PATHS["inside"], PATHS["ue"]))
    settle(ue, peer)
    assert peer.heard == send("d93kswow", PATHS["peer"], PATHS["outside"])
    hop = PATHS["peer"].partition(" ")[0]
    peer.sends(response("d93kswow", "200 OK", PATHS["outside"], hop))
    settle(ue, peer)
    assert ue.heard == response("d93kswow", "200 OK", PATHS["ue"], PATHS["inside"])
    peer.sends(send("a786hjs2", PATHS["outside"], PATHS["peer"]))
    settle(ue, peer)
    assert ue.heard.endswith(send("a786hjs2", PATHS["ue"], PATHS["inside"]))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_messages_may_be_cut_anywhere(size):
    """R-5.19.5-6: whatever portions TCP makes of it, what leaves is the same."""
    stage = Stage()
    ue, peer = aware(stage)
    body = b"-------d93kswow and -------other$\r\nand more\r\n-------d93kswo$\r\n"
    octets = send("d93kswow", PATHS["inside"], PATHS["ue"], body) + send("x1234", PATHS["inside"], PATHS["ue"])
    for at in range(0, len(octets), size):
        ue.sends(octets[at : at + size])
    settle(ue, peer)
    assert peer.heard == (
        send("d93kswow", PATHS["peer"], PATHS["outside"], body) + send("x1234", PATHS["peer"], PATHS["outside"]))


def test_the_paths_are_told_as_they_were_given():
    """The reply to Add shows `a=path` in Local as the controller wrote it."""
    stage = Stage()
    reply = stage.orders(add("access", stream(local("TCP/MSRP", "passive", path("inside")), realm=A)))
    media = reply.actions[0].commands[0].descriptor(h248.Media)
    assert media is not None and media.streams[0].local
    assert media.streams[0].local[0].media[0].attribute("path") == PATHS["inside"]


def test_a_path_that_is_none_is_refused():
    """449 names what is wrong; nothing is reserved. On an agnostic endpoint the line is nobody's business."""
    stage = Stage()
    found = error(stage.orders(add("access", stream(local("TCP/MSRP", "passive", "a=path:http://x/;tcp"), realm=A))))
    assert found is not None
    assert found[0] == 449
    assert found[1].startswith("a=path")
    assert error(stage.orders(add("access", stream(local("TCP", "passive", "a=path:http://x/;tcp"), realm=A)))) is None


def test_a_message_for_somebody_else_is_answered():
    """R-5.19.5-3: To-Path is not what this leg advertised: 481, and the core hears nothing of it."""
    stage = Stage()
    ue, peer = aware(stage)
    ue.sends(send("d93kswow", "msrp://198.51.100.20:40000/another;tcp", PATHS["ue"]))
    settle(ue, peer)
    assert peer.heard == b""
    assert ue.heard.startswith(b"MSRP d93kswow 481 ")
    assert any(isinstance(command, Note) and "is answered 481" in command.text for command in stage.all)
    ue.sends(send("second", PATHS["inside"], PATHS["ue"]))
    settle(ue, peer)
    assert peer.heard == send("second", PATHS["peer"], PATHS["outside"])


def test_a_response_of_the_gateway_interrupts_no_message():
    """A 481 for the UE waits while a message of the core peer's is on its way to it."""
    stage = Stage()
    ue, peer = aware(stage)
    long = send("peersend", PATHS["outside"], PATHS["peer"], b"z" * 500)
    peer.sends(long[:-200])
    ue.sends(send("d93kswow", "msrp://198.51.100.20:40000/another;tcp", PATHS["ue"]))
    settle(ue, peer)
    assert b"481" not in ue.heard
    peer.sends(long[-200:])
    settle(ue, peer)
    first = send("peersend", PATHS["ue"], PATHS["inside"], b"z" * 500)
    assert ue.heard.startswith(first)
    assert ue.heard[len(first) :].startswith(b"MSRP d93kswow 481 ")


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "TLS at the access"])
def test_lost_framing_releases_both_legs(tls):
    """Octets that are no MSRP: what came before is delivered, both connections end, and the controller hears of it."""
    stage = Stage()
    ue, peer = aware(stage, tls=tls)
    whole = send("d93kswow", PATHS["inside"], PATHS["ue"])
    ue.sends(whole + b"GET / HTTP/1.1\r\n\r\n")
    assert stage.notified() == ("ip/1/access/1", "g/cause", {"Generalcause": "FT"})
    settle(ue, peer)
    assert peer.heard == send("d93kswow", PATHS["peer"], PATHS["outside"])
    assert ue.ended and peer.ended
    ue.raw(b"more of it").reads()
    assert stage.take() == []


def test_an_end_inside_a_message_is_passed_on():
    """What there is of the message leaves, then FIN: the other end sees the same cut."""
    stage = Stage()
    ue, peer = aware(stage)
    whole = send("d93kswow", PATHS["inside"], PATHS["ue"], b"q" * 300)
    ue.sends(whole[:-100]).closes()
    stage.notified()
    settle(ue, peer)
    assert peer.heard == send("d93kswow", PATHS["peer"], PATHS["outside"], b"q" * 300)[:-100]
    assert peer.ended


def test_an_agnostic_stream_becomes_aware_before_payload():
    """B7: the answer has no msrp-cema; Modify names the application and the paths, and payload is rewritten."""
    stage = Stage()
    inside = given(stage.orders(add("access", stream(
        local("TCP", "passive"), remote("TCP", "active", UE), realm=A, mode="Inactive"), EVENTS.format(1))))
    outside = given(stage.orders(add("core", stream(local("TCP", "active"), realm=C, mode="Inactive"),
                                     EVENTS.format(2), context=1)))
    for name, own, where, setup, theirs, far in (
        ("ip/1/core/2", "outside", outside, "active", "peer", PEER),
        ("ip/1/access/1", "inside", inside, "passive", "ue", UE),
    ):
        other = "passive" if setup == "active" else "active"
        reply = stage.orders(modify(name, stream(
            local("TCP/MSRP", setup, path(own), host=where.host, port=where.port),
            remote("TCP/MSRP", other, far, path(theirs)))))
        assert error(reply) is None
    ue, peer = connected(stage, inside, outside)
    ue.sends(send("d93kswow", PATHS["inside"], PATHS["ue"]))
    settle(ue, peer)
    assert peer.heard == send("d93kswow", PATHS["peer"], PATHS["outside"])


def test_payload_waits_until_all_paths_are_known():
    """Nothing leaves with the paths of another leg: early octets wait, within bounds, for the Modify with the rest."""
    stage = Stage(held=200)
    inside = given(stage.orders(add("access", stream(
        local("TCP/MSRP", "passive", path("inside")), remote("TCP/MSRP", "active", UE, path("ue")), realm=A))))
    outside = given(stage.orders(add("core", stream(
        local("TCP/MSRP", "active", path("outside")), remote("TCP/MSRP", "passive", PEER), realm=C), context=1)))
    ue, peer = connected(stage, inside, outside)
    ue.sends(send("d93kswow", PATHS["inside"], PATHS["ue"]))
    stage.does(PauseStream(ue.stream))
    settle(ue, peer)
    assert peer.heard == b""
    stage.orders(modify("ip/1/core/2", stream(remote("TCP/MSRP", "passive", PEER, path("peer")))))
    settle(ue, peer)
    assert peer.heard == send("d93kswow", PATHS["peer"], PATHS["outside"])
    assert not ue.paused


def test_one_path_less_stream_stays_agnostic():
    """MSRP transports without any a=path: octets pass as they are."""
    stage = Stage()
    inside = given(stage.orders(add("access", stream(
        local("TCP/MSRP", "passive"), remote("TCP/MSRP", "active", UE), realm=A))))
    outside = given(stage.orders(add("core", stream(
        local("TCP/MSRP", "active"), remote("TCP/MSRP", "passive", PEER), realm=C), context=1)))
    ue, peer = connected(stage, inside, outside)
    ue.sends(b"anything")
    settle(ue, peer)
    assert peer.heard == b"anything"


def test_responses_are_bounded():
    """A peer that asks for refusals and reads none is not read any more."""
    stage = Stage(held=1_000)
    ue, peer = aware(stage)
    ue.sees(StreamFull(ue.stream))
    for number in range(20):
        ue.sends(send(f"wrong{number:03}", "msrp://198.51.100.20:40000/another;tcp", PATHS["ue"]))
    settle(ue, peer)
    assert ue.heard == b""
    assert ue.paused
    ue.sees(StreamWritable(ue.stream))
    settle(ue, peer)
    assert ue.heard.count(b" 481 ") == 20
    assert not ue.paused


def test_a_new_connection_begins_anew():
    """a=connection:new at both legs in the middle of a message: the next one is read from its start, with new paths."""
    stage = Stage()
    ue, peer = aware(stage)
    ue.sends(send("d93kswow", PATHS["inside"], PATHS["ue"])[:-20])
    settle(ue, peer)
    fresh = {**PATHS, "ue": "msrp://10.20.30.40:2855/uenew;tcp", "peer": "msrp://203.0.113.7:7394/peernew;tcp"}
    for name, own, where, setup, theirs, far in (
        ("ip/1/access/1", "inside", ue.stream.local, "passive", "ue", UE),
        ("ip/1/core/2", "outside", peer.stream.local, "active", "peer", PEER),
    ):
        other = "passive" if setup == "active" else "active"
        stage.orders(modify(name, stream(
            local("TCP/MSRP", setup, path(own), "a=connection:new", host=where.host, port=where.port),
            remote("TCP/MSRP", other, far, f"a=path:{fresh[theirs]}"))))
        stage.take()
    second, other_peer = connected(stage, ue.stream.local, peer.stream.local)
    second.sends(send("next", PATHS["inside"], fresh["ue"]))
    settle(second, other_peer)
    assert other_peer.heard == send("next", fresh["peer"], PATHS["outside"])


def test_long_messages_are_not_held():
    """Constant memory: what is read of a body leaves at once, whatever its size."""
    stage = Stage()
    ue, peer = aware(stage)
    head = send("long1", PATHS["inside"], PATHS["ue"], b"").rpartition(b"\r\n-------")[0]
    body = b"x" * 10_000
    ue.sends(head)
    for _ in range(50):
        ue.sends(body)
    settle(ue, peer)
    assert peer.heard.count(b"x" * 10_000) == 50
    bearer = stage.node._control.bearers[ue.stream.local]
    assert bearer.rewriter is not None
    assert bearer.rewriter.held == 0


