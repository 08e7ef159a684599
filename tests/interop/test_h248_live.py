"""Live H.248 with Erlang/OTP megaco: its controller drives our gateway, and our controller drives its gateway."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from interop.erlang import Refused, erlang_terms
from interop.peers import Kept, Peer, together

from workbench.net.sockets import free_port
from workbench.net.values import Endpoint
from workbench.nodes.ims_agw import ImsAgw, iq_profile
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.coding import decode
from workbench.protocols.h248.packages import registry
from workbench.security.source import Source

WAYS = [("udp", "pretty"), ("udp", "compact")]
REALMS = {"access.example.net": "127.0.0.1", "core.example.net": "127.0.0.1"}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("h248_peer")


def decoded(messages: Sequence[tuple[str, bytes]], coding: str) -> list[tuple[str, h248.Transaction]]:
    """The transactions on the wire, in order, without repetitions."""
    found: dict[tuple[str, bytes], None] = dict.fromkeys(messages)
    return [(whose, one) for whose, octets in found for one in decode(octets, coding).body]


def accepted_by_megaco(messages: Sequence[tuple[str, bytes]]) -> None:
    """Every message of ours, once more and alone, through megaco's text decoder."""
    ours = [octets for whose, octets in messages if whose == "ours"]
    for octets, term in zip(ours, erlang_terms(ours), strict=True):
        assert not isinstance(term, Refused), (octets, term)


def kinds(transactions: Sequence[tuple[str, h248.Transaction]]) -> list[str]:
    """What happened, in short: who asked for which commands."""
    return [f"{whose} {'+'.join(command.kind for action in one.actions for command in action.commands)}"
            for whose, one in transactions if isinstance(one, h248.Request)]


def replies(transactions: Sequence[tuple[str, h248.Transaction]], whose: str) -> list[h248.Reply]:
    return [one for who, one in transactions if who == whose and isinstance(one, h248.Reply)]


@pytest.mark.parametrize("transactions", [1, 2])
@pytest.mark.parametrize(("transport", "coding"), WAYS)
def test_their_controller_drives_our_gateway(folder: Path, transport: str, coding: str, transactions: int):
    """ServiceChange, Add and Add, Modify, Notify, AuditValue, Subtract, and an error: seen by it and on the wire."""
    stream = transport == "tcp"
    ours, theirs = (Endpoint("127.0.0.1", free_port(stream=stream)) for _ in range(2))
    dead = free_port(stream=True)
    peer = Peer(folder, "controller", transport, coding, theirs.port, transactions, dead).listening()
    network = Kept("agw", ours)
    gateway = ImsAgw("agw", control=ours, controller=theirs, source=Source(1, "agw"), coding=coding, addresses=REALMS)
    together(gateway, network, peer)
    seen_by_controller(peer, coding)
    seen_on_the_wire(decoded(network.messages, coding), transactions, dead)
    if coding != "binary":
        accepted_by_megaco(network.messages)


def seen_by_controller(peer: Peer, coding: str) -> None:
    """What megaco made of our replies and of our Notify."""
    assert peer.said("registered") == [["restart", "profilename/1"]]
    (_, one, *first), (_, two, *second) = peer.said("Add")
    assert one != two and len(one) > 4 and len(two) > 4
    lines = [described.split("|") for described in (first[1], second[1])]
    for local in lines:
        assert local[:2] == ["local=v=0", "c=IN_IP4_127.0.0.1"]
        assert local[2].endswith("_TCP/MSRP_*") and "$" not in local[2]
    assert lines[0][2] != lines[1][2]
    context = peer.said("Add")[0][0]
    modified, refused = peer.said("Modify")
    assert modified[:2] == [context, one] and modified[3].endswith("a=setup:active")
    ((where, who, request, event),) = peer.said("notified")
    assert (where, who) == (context, one)
    if coding == "binary":
        assert event == "0x0098/0x0001"
    else:
        assert (one, two) == ("ip/1/access/1", "ip/1/core/2")
        assert (request, event) == ("2011", "tcpbcc/bncchange")
    audited, root = peer.said("AuditValue")
    assert audited[:2] == [context, two] and audited[3] == second[1]
    assert audited[-1] == f"packages={len(iq_profile(registry()).packages)}"
    assert root[0] == "0" and len(root) == 2
    assert peer.said("Subtract") == [[context, one, "statistics=3"], [context, "*"]]
    assert refused == [context, "error", "411"]


def seen_on_the_wire(transactions: list[tuple[str, h248.Transaction]], added: int, dead: int) -> None:
    """The same once more, from the octets that passed."""
    adds = ["theirs Add+Add"] if added == 1 else ["theirs Add", "theirs Add"]
    assert kinds(transactions) == [
        "ours ServiceChange", *adds, "theirs Modify", "ours Notify", "theirs AuditValue", "theirs AuditValue",
        "theirs Subtract", "theirs Subtract", "theirs Modify"]
    answered = replies(transactions, "ours")
    assert all(reply.error is None for reply in answered)
    *fine, last = answered
    for reply in fine:
        assert all(action.error is None and all(one.error is None for one in action.commands)
                   for action in reply.actions)
    assert last.actions[0].error is not None and last.actions[0].error.code == 411
    ((notify),) = [one for whose, one in transactions if whose == "ours" and isinstance(one, h248.Request)][1:]
    (command,) = notify.actions[0].commands
    observed = command.descriptor(h248.ObservedEvents)
    assert observed is not None and observed.request_id in (2001, 2002, 2011)
    modify = next(one for whose, one in transactions if isinstance(one, h248.Request)
                  and one.actions[0].commands[0].kind is h248.Kind.MODIFY)
    remote = modify.actions[0].commands[0].descriptor(h248.Media).stream(1).remote[0]
    assert remote.media[0].port == dead
