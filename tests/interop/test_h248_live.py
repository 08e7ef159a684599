"""Live H.248 with Erlang/OTP megaco: its controller drives our gateway, and our controller drives its gateway."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from interop.erlang import Refused, erlang_native_terms, erlang_terms
from interop.peers import Kept, Peer, together

from workbench.lab.alone import Alone
from workbench.net.sockets import free_port
from workbench.net.values import Endpoint
from workbench.nodes.controller import readings
from workbench.nodes.controller.association import Said
from workbench.nodes.controller.core import Controller
from workbench.nodes.controller.elements import ConnectionPoint
from workbench.nodes.controller.engine import Engine, Told
from workbench.nodes.controller.indications import BearerReleased
from workbench.nodes.controller.readings import Audited, Done, Reserved
from workbench.nodes.ims_agw import ImsAgw, iq_profile
from workbench.nodes.procedure import Await, Steps
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.coding import decode
from workbench.protocols.h248.packages import registry
from workbench.protocols.h248.supervision import Changed, Meaning
from workbench.security.source import Source

WAYS = [(transport, coding) for transport in ("udp", "tcp") for coding in ("pretty", "compact", "binary")]
# Each transport and each coding once in either direction; every pair of them with the long tests.
SHORT = {("udp", "pretty", 1), ("udp", "binary", 2), ("tcp", "compact", 1), ("tcp", "binary", 2)}
SHORT_WAYS = [("udp", "pretty"), ("tcp", "compact"), ("tcp", "binary")]
REALMS = {"access.example.net": "127.0.0.1", "core.example.net": "127.0.0.1"}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("h248_peer")


def decoded(messages: Sequence[tuple[str, bytes]], coding: str) -> list[tuple[str, h248.Transaction]]:
    """The transactions on the wire, in order, without repetitions."""
    found: dict[tuple[str, bytes], None] = dict.fromkeys(messages)
    return [(whose, one) for whose, octets in found for one in decode(octets, coding).body]


def accepted_by_megaco(messages: Sequence[tuple[str, bytes]], coding: str) -> None:
    """Every message of ours, once more and alone, through megaco's decoder."""
    ours = [octets for whose, octets in messages if whose == "ours"]
    terms = erlang_terms(ours) if coding != "binary" else erlang_native_terms([(2, octets) for octets in ours])
    assert ours
    for octets, term in zip(ours, terms, strict=True):
        assert not isinstance(term, Refused), (octets, term)


def kinds(transactions: Sequence[tuple[str, h248.Transaction]]) -> list[str]:
    """What happened, in short: who asked for which commands."""
    return [f"{whose} {'+'.join(command.kind for action in one.actions for command in action.commands)}"
            for whose, one in transactions if isinstance(one, h248.Request)]


def replies(transactions: Sequence[tuple[str, h248.Transaction]], whose: str) -> list[h248.Reply]:
    return [one for who, one in transactions if who == whose and isinstance(one, h248.Reply)]


@pytest.mark.parametrize(("transport", "coding", "transactions"), [
    pytest.param(*way, number, marks=[] if (*way, number) in SHORT else pytest.mark.long)
    for way in WAYS for number in (1, 2)])
def test_their_controller_drives_our_gateway(folder: Path, transport: str, coding: str, transactions: int):
    """ServiceChange, Add and Add, Modify, Notify, AuditValue, Subtract, and an error: seen by it and on the wire."""
    stream = transport == "tcp"
    ours, theirs = (Endpoint("127.0.0.1", free_port(stream=stream)) for _ in range(2))
    dead = free_port(stream=True)
    peer = Peer(folder, "controller", transport, coding, theirs.port, transactions, dead).listening()
    network = Kept("agw", ours)
    gateway = ImsAgw("agw", control=ours, controller=theirs, source=Source(1, "agw"), coding=coding,
                     transport=transport, addresses=REALMS)
    together(Alone(gateway, network), network, peer)
    seen_by_controller(peer, coding)
    seen_on_the_wire(decoded(network.messages, coding), transactions, dead)
    accepted_by_megaco(network.messages, coding)


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
    """The same once more, from the octets that passed. What came before our registration was through is left out."""
    early = {one.id for _, one in transactions if isinstance(one, h248.Reply) and one.error and one.error.code == 505}
    overtaking = {("ours", h248.Reply), ("theirs", h248.Request)}
    transactions = [(whose, one) for whose, one in transactions
                    if (whose, type(one)) not in overtaking or one.id not in early]
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


# Our controller, their gateway

class Driver:
    """What our controller does with a gateway that comes into service, step by step; what came of each step."""

    def __init__(self, coding: str) -> None:
        side = {"access": "", "core": ""} if coding == "binary" else {"access": "access", "core": "core"}
        # megaco's own gateway knows no realms by name; in binary its codec takes any package number.
        self.ue = ConnectionPoint(
            side["access"], "access.example.net", "message", "TCP/TLS/MSRP", setup="passive", ask_fingerprint=True,
            watch_tcp=coding != "binary", watch_tls=False, heartbeat=600)
        self.peer = ConnectionPoint(
            side["core"], "core.example.net", "message", "TCP/MSRP", setup="active",
            remote=Endpoint("127.0.0.1", 7394), remote_setup="passive", watch_tcp=coding != "binary")
        self.heard: list[Told] = []
        self.results: list[object] = []
        self.over = False

    def begin(self, engine: Engine) -> Steps:
        """Reserve, reserve and configure, configure, audit, release one, release all."""
        access = yield from engine.reserve(h248.CHOOSE, self.ue)
        self.results.append(access)
        assert isinstance(access, Reserved)
        core = yield from engine.reserve(access.context, self.peer)
        self.results.append(core)
        assert isinstance(core, Reserved)
        settled = msgspec.structs.replace(
            self.ue, local=access.local, fingerprint=access.fingerprint, ask_fingerprint=False,
            remote=Endpoint("127.0.0.1", 2855), remote_setup="active", mode=h248.Mode.SEND_RECEIVE)
        self.results.append((yield from engine.configure(access, settled)))
        self.results.append((yield from engine.audit_value(h248.NULL, h248.ROOT)))
        self.results.append((yield from engine.release_termination(access.context, core.termination)))
        # Its Notify comes when it likes; a release would make it stale.
        while not any(isinstance(one, Said) for one in self.heard):
            yield Await((("never", 0),), 0.05)
        self.results.append((yield from engine.release(access.context)))
        self.over = True


@pytest.mark.parametrize(("transport", "coding"), [
    pytest.param(*way, marks=[] if way in SHORT_WAYS else pytest.mark.long) for way in WAYS])
def test_our_controller_drives_their_gateway(folder: Path, transport: str, coding: str):
    """Registration, Reserve, Reserve and Configure, Configure, Audit, Notify, Release: each transport and coding."""
    stream = transport == "tcp"
    ours, theirs = (Endpoint("127.0.0.1", free_port(stream=stream)) for _ in range(2))
    driver = Driver(coding)
    network = Kept("mgc", ours)
    controller = Controller("mgc", control=ours, gateway=theirs, begin=driver.begin, hear=driver.heard.append,
                            coding=coding, transport=transport)
    alone = Alone(controller, network)
    alone.run(lambda: network.now, until=1e-9)  # it listens before anybody calls
    peer = Peer(folder, "gateway", transport, coding, theirs.port, ours.port)
    together(alone, network, peer)
    seen_by_gateway(peer, coding)
    given_back(driver)
    transactions = decoded(network.messages, coding)
    asked = [kind for kind in kinds(transactions) if kind != "theirs Notify"]
    assert asked == ["theirs ServiceChange", "ours Add", "ours Add", "ours Modify", "ours AuditValue", "ours Subtract",
                     "ours Subtract"]
    assert kinds(transactions).count("theirs Notify") == 1
    assert readings.done(replies(transactions, "ours")[-1]) == Done(101, (driver.results[0].termination,))
    accepted_by_megaco(network.messages, coding)


def seen_by_gateway(peer: Peer, coding: str) -> None:
    """What megaco made of our orders."""
    names = ["0x20000002", "0x20000004"] if coding == "binary" else ["ip/1/made/2", "ip/1/made/4"]
    asked, configured = "local=v=0|c=IN_IP4_$|m=message_$_", "c=IN_IP4_127.0.0.1|m=message_"
    first, second = peer.said("Add")
    assert first[:2] == ["101", names[0]] and second[:2] == ["101", names[1]]
    assert first[3:] == [
        f"{asked}TCP/TLS/MSRP_*|a=setup:passive|a=fingerprint:SHA-256_$", "remote=-", "eventsDescriptor"]
    assert second[3:] == [
        f"{asked}TCP/MSRP_*|a=setup:active", f"remote=v=0|{configured}7394_TCP/MSRP_*|a=setup:passive",
        "eventsDescriptor"]
    ((*_, local, remote, events),) = peer.said("Modify")
    assert local.startswith(f"local=v=0|{configured}40006_TCP/TLS/MSRP_*|a=setup:passive|a=fingerprint:SHA-256_AB:AB")
    assert (remote, events) == (f"remote=v=0|{configured}2855_TCP/TLS/MSRP_*|a=setup:active", "eventsDescriptor")
    assert peer.said("notified") == [["101", names[0]]]
    assert peer.said("AuditValue")[0][0] == "0"
    assert peer.said("Subtract") == [["101", names[1], "nothing"], ["101", "*", "nothing"]]
    assert peer.said("done") == [[]]


def given_back(driver: Driver) -> None:
    """What our procedures made of its replies, and of its Notify."""
    access, core, configured, audited, one, every = driver.results
    assert isinstance(access, Reserved) and isinstance(core, Reserved)
    assert access.local == Endpoint("127.0.0.1", 40006) and core.local == Endpoint("127.0.0.1", 40010)
    assert access.fingerprint == "SHA-256 " + ":".join(["AB"] * 32) and core.fingerprint == ""
    assert configured == Done(101, (access.termination,))
    assert audited == (Audited(0, "ROOT", ()),)
    assert (one, every) == (Done(101, (core.termination,)), Done(101, ("*",)))
    begun, said = [event for event in driver.heard if not (
        isinstance(event, Changed) and event.meaning is Meaning.LOST)]
    assert isinstance(begun, Changed) and begun.meaning is Meaning.BEGUN
    assert str(begun.gateway.profile) == "profilename/1"
    assert isinstance(said, Said) and isinstance(said.indication, BearerReleased)
    assert (said.indication.cause, said.indication.at.termination, said.indication.at.time) == (
        "FT", access.termination, "20260301T10153250")
