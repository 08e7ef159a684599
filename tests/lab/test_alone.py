"""One node alone on this host: its loop, and what its settings file may say."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from pathlib import Path

import msgspec
import pytest

from workbench.errors import LocalProtocolError, NetworkError, SettingsError
from workbench.lab import settings
from workbench.lab.alone import Alone
from workbench.lab.settings.ibcf import ibcf
from workbench.lab.settings.mrfc import mrfc
from workbench.lab.settings.mrfc import script as calls
from workbench.lab.settings.mrfp import mrfp
from workbench.lab.spoken import Quit
from workbench.net.interface import Arrival
from workbench.net.sockets import SocketNetwork, free_port
from workbench.net.values import (
    Asked,
    BindDatagrams,
    DatagramReceived,
    Endpoint,
    Listen,
    Note,
    SendDatagram,
    Started,
    Woke,
)
from workbench.nodes.ims_alg.settings import Settings
from workbench.protocols.h248.packages import registry
from workbench.security.source import Source


class Echo:
    """Answers datagrams; wakes when it is told to."""

    def __init__(self, local: Endpoint) -> None:
        self.name = "echo"
        self.local = local
        self.wakeup: float | None = None
        self.heard = []
        self.forgets = True

    def handle(self, happened, now):
        self.heard.append(happened)
        match happened:
            case Started():
                return [BindDatagrams(self.local)]
            case DatagramReceived(local=local, remote=remote, data=data):
                return [SendDatagram(local, remote, data)]
            case Woke() if self.forgets:
                self.wakeup = None
            case Asked(order=order):
                return [order]
        return []

    def next_wakeup(self):
        return self.wakeup


def run(alone, network, seconds=5.0, done=lambda: False):
    try:
        return alone.run(lambda: network.now, until=network.now + seconds, done=done)
    finally:
        network.close()


def test_a_node_hears_and_answers_through_real_sockets():
    """Two nodes, each alone: a datagram goes over and comes back."""
    here, there = (Endpoint("127.0.0.1", free_port()) for _ in range(2))
    networks = [SocketNetwork("echo"), SocketNetwork("echo")]
    asking, answering = (Alone(Echo(local), network) for local, network in zip((here, there), networks, strict=True))
    for alone, network in ((answering, networks[1]), (asking, networks[0])):
        alone.run(lambda network=network: network.now, until=0.001)
    asking.ask(SendDatagram(here, there, b"hello"))
    assert answering.run(lambda: networks[1].now, until=5.0, done=lambda: len(answering.node.heard) > 1)
    assert answering.node.heard[1:] == [DatagramReceived(there, here, b"hello")]
    assert run(asking, networks[0], done=lambda: len(asking.node.heard) > 2)
    assert asking.node.heard[2:] == [DatagramReceived(here, there, b"hello")]
    networks[1].close()


def test_a_node_is_woken_when_it_wants_to():
    """The nearest wakeup ends the wait."""
    node, network = Echo(Endpoint("127.0.0.1", free_port())), SocketNetwork("echo")
    node.wakeup = network.now + 0.02
    assert run(Alone(node, network), network, done=lambda: Woke() in node.heard)


def test_a_timer_that_is_never_cleared_is_our_bug():
    """The loop does not spin for ever on a node that names the same moment again and again."""
    node, network = Echo(Endpoint("127.0.0.1", free_port())), SocketNetwork("echo")
    node.wakeup, node.forgets = 0.0, False
    with pytest.raises(LocalProtocolError, match="again and again"):
        run(Alone(node, network), network)


def test_what_it_hears_and_orders_is_shown():
    """`watch` sees everything, and `stop` ends the run."""
    shown = []
    node, network = Echo(Endpoint("127.0.0.1", free_port())), SocketNetwork("echo")
    alone = Alone(node, network, lambda entry: (shown.append(entry.what), alone.stop()))
    assert run(alone, network) is False
    assert shown == [Started(), BindDatagrams(node.local)]


class Queue:
    """A network that has so many datagrams waiting, and nothing behind them."""

    def __init__(self, waiting: int, local: Endpoint) -> None:
        self.waiting = waiting
        self.local = local
        self.now = 0.0

    def carry(self, sender, command, now):
        pass

    def wait(self, deadline):
        self.waiting -= 1
        return Arrival("echo", DatagramReceived(self.local, self.local, b"x"), self.now) if self.waiting >= 0 else None


@pytest.mark.parametrize(("kinds", "entries"), [(None, 202), (frozenset((Note, Started)), 1), (frozenset(), 0)])
def test_an_arrival_costs_no_more_than_it_must(monkeypatch, kinds, entries: int):
    """The node is asked for its wakeup once for each happening, and an entry is made only where somebody wants it."""
    made = []
    monkeypatch.setattr("workbench.lab.alone.Entry", lambda *fields, **more: made.append(fields))
    node = Echo(Endpoint("127.0.0.1", 1))
    asked = []
    node.next_wakeup = lambda: asked.append(1)
    network = Queue(100, node.local)
    alone = Alone(node, network, lambda entry: None, kinds=kinds)
    alone.run(lambda: 0.0, done=lambda: network.waiting < 0)
    assert (len(node.heard), len(asked), len(made)) == (101, 101, entries)


def test_how_late_it_was_is_known():
    """For what waited while the node was busy, and for a wakeup that was due; whoever reads it begins anew."""
    node = Echo(Endpoint("127.0.0.1", 1))
    node.wakeup = 3.0
    network = Queue(1, node.local)
    alone = Alone(node, network)
    times = iter((0.0, 0.5, 7.0, 7.0))
    alone.run(lambda: next(times), done=lambda: len(node.heard) == 2)
    assert alone.latest == 0.5
    alone.run(lambda: next(times), done=lambda: Woke() in node.heard)
    assert alone.latest == 4.0


def test_orders_that_come_later():
    """A function that is put off is called when its time has come, and keeps no script from being done."""
    node, network = Echo(Endpoint("127.0.0.1", free_port())), SocketNetwork("echo")
    called = []
    alone = Alone(node, network, script=[(0.002, Note("shown only")), (0.001, Quit())])
    alone.later(0.003, lambda: called.append(alone.now))
    assert alone.scripted
    assert run(alone, network, done=lambda: bool(called))
    assert alone.quitting and not alone.scripted and called[0] >= 0.003
    assert all(not isinstance(heard, Asked) for heard in node.heard)


def test_an_endpoint_that_can_not_be_had():
    """While the node starts it is an error for people; later it is noted, and the node goes on."""
    network = SocketNetwork("echo")
    with pytest.raises(NetworkError, match=r"192\.0\.2\.1 is not an address of this host"):
        run(Alone(Echo(Endpoint("192.0.2.1", 2944)), network), network)
    shown = []
    network = SocketNetwork("echo")
    alone = Alone(Echo(Endpoint("127.0.0.1", free_port())), network, lambda entry: shown.append(entry.what))
    alone.run(lambda: network.now, until=0.0001)
    alone.ask(Listen(Endpoint("192.0.2.1", 1)))
    network.close()
    assert shown[-1] == Note("192.0.2.1 is not an address of this host (TCP 192.0.2.1:1)")


# Settings files.

def test_an_empty_file_is_a_node_on_loopback(tmp_path: Path):
    """Whoever says nothing can't be reached from outside."""
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    for make in (settings.agw, settings.alg):
        (first, *_) = [c for c in make(empty, Source(1, "x"), 0.0).handle(Started(), 0.0)
                       if isinstance(c, BindDatagrams)]
        assert first.local.host == "127.0.0.1"


def test_a_profile_of_one_s_own(tmp_path: Path):
    """What the gateway knows is laid over Iq's from a file beside the settings."""
    (tmp_path / "mine.toml").write_text("[packages]\ncg = 2\n[signals]\nnames = ['cg/rt']\n")
    file = tmp_path / "agw.toml"
    file.write_text("profile_file = 'mine.toml'\nport_step = 1\n")
    node = settings.agw(file, Source(1, "x"), 0.0)
    assert node._profile.packages["cg"] == 2 and "cg/rt" in node._profile.signals  # type: ignore[attr-defined]
    assert node._addresses._step == 1  # type: ignore[attr-defined]


def test_all_of_a_gateway_s_settings(tmp_path: Path):
    """IPv6 addresses stand in brackets; the port follows from the coding where none is given."""
    file = tmp_path / "agw.toml"
    file.write_text("""
name = "edge"
control = "[::1]"
controller = ["[::1]:2950", "[::1]"]
version = 3
coding = "compact"
ports = [50000, 50010]
contexts = 5
profile = "myprofile/2"
tls_versions = ["1.3"]
[realms]
"access.example.net" = ["::1", "127.0.0.1"]
""")
    node = settings.agw(file, Source(1, "x"), 0.0)
    commands = node.handle(Started(), 0.0)
    assert BindDatagrams(Endpoint("::1", 2944)) in commands
    (sent,) = [c for c in commands if isinstance(c, SendDatagram)]
    assert sent.remote == Endpoint("::1", 2950)
    assert b"PF=myprofile/2" in sent.data and sent.data.startswith(b"!/3 [::1]:2944")


@pytest.mark.parametrize(("text", "said"), [
    ("control = 5", "line 1: control: expected str, got int"),
    ("\n\ncoding = 'xml'", "line 3: coding: invalid enum value 'xml'"),
    ("# one\nspeed = 1", "line 2: speed: no such setting"),
    ("control = 'localhost:2944'", "line 1: control: 'localhost' is not an IPv4 or IPv6 address"),
    ("control = '127.0.0.1:99999'", "line 1: control: port 99999"),
    ("control = '0.0.0.0:2944'", "line 1: control: 0.0.0.0 is not the address of one host"),
    ("ports = [9, 3]", "line 1: ports: 9 to 3"),
    ("ports = ['a', 3]", "line 1: ports[0]: expected int, got str"),
    ("profile = 'none'", "line 1: profile: 'none' is not name/version"),
    ("[realms]\n'access' = 'x'", "line 2: realms.access: 'x' is not an IPv4 or IPv6 address"),
    ("[realms]\n'access' = 5", "line 1: realms: expected str | array, got int for one of its values"),
    ("[realms]", "line 1: realms: a gateway needs at least one"),
    ("tls_versions = []", "line 1: tls_versions: a gateway needs at least one"),
    ("contexts = 0", "line 1: contexts: 0"),
    ("port_step = 0", "line 1: port_step: 0"),
    ("profile_file = 'none.toml'", "line 1: profile_file: "),
    ("\nprofile_file = 'agw.toml'", "line 2: profile_file: "),
    ("controller = []", "line 1: controller: a gateway needs at least one"),
    ("transport = 'sctp'", "line 1: transport: invalid enum value 'sctp'"),
    ("version = 4", "line 1: version: 4; there are 1, 2 and 3"),
    ("waiting_delay = -1", "line 1: waiting_delay: -1; from 0 to 600"),
    ("packages = 'none.toml'", "line 1: packages: "),
    ("control = ", "Invalid value (at end of document)"),
])
def test_what_is_wrong_in_a_file_is_said_with_key_and_line(tmp_path: Path, text: str, said: str):
    """The person who wrote the file finds the place at once."""
    file = tmp_path / "agw.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        settings.agw(file, Source(1, "x"), 0.0)
    assert str(caught.value).startswith(str(file))
    assert said in str(caught.value)


@pytest.mark.parametrize(("make", "text", "said"), [
    (ibcf, 'border = "there"', "line 1: border: 'there' is not an IPv4"),
    (ibcf, 'border = "[::1]:5060"\n[routes]\n"home2.example" = "[2001:db8::1]:5060"',
     r"line 3: routes\.home2\.example: \[2001:db8::1\]:5060 can't be reached from ::1"),
    (ibcf, "modifies_setup = true", "line 1: modifies_setup: no such setting"),
    (mrfc, "conferences = []", "line 1: conferences: "),
    (mrfc, 'conferences = ["conf-1"]', "line 1: conferences: 'conf-1': "),
    (mrfc, 'mrfp = "192.0.2.1"', "line 1: mrfp: 192.0.2.1:2944 can't be reached"),
    (mrfc, 'host = "a b"', "line 1: host: "),
    (mrfc, 'participants = 1000', "line 1: participants: "),
    (mrfc, '[floors."sip:other@ims.example"]\npeople = { "sip:a@b" = 1 }',
     "line 1: floors: 'sip:other@ims.example' is not one of conferences"),
    (mrfc, '[floors."sip:conf-1@ims.example"]\npeople = { "sip:a@b" = 1, "sip:c@d" = 1 }',
     "line 2: people: each person has a user id of its own"),
    (mrfc, '[floors."sip:conf-1@ims.example"]\npeople = { }', "line 2: .*people: "),
    (mrfc, '[tickets]\nkms = "127.0.0.50"\nkey_name = "mrfc-1"\nkey = "b0b1"', "line 4: key: .*2 octets, not 16"),
    (mrfc, '[tickets]\nkms = "192.0.2.1"\nkey_name = "mrfc-1"\nkey = ""', "line 2: kms: 192.0.2.1:8080 can't be"),
    (calls, 'calls = ["sip:conf-1@ims.example sip:bob@home2.example"]', r"line 1: calls\[0\]: .* is not a second"),
    (calls, 'calls = ["5 sip:conf-2@ims.example sip:b@c"]', r"line 1: calls\[0\]: 'sip:conf-2@ims.example' is not one"),
    (calls, 'calls = ["5 sip:conf-1@ims.example bob"]', r"line 1: calls\[0\]: 'bob': "),
    (mrfp, "floors.holders = 0", "line 1: floors.holders: "),
])
def test_wrong_settings_of_controllers(tmp_path: Path, make: Callable[..., object], text: str, said: str):
    """With key and line; an empty file is a node on loopback."""
    file = tmp_path / "node.toml"
    more = () if make is calls else (Source(1, "x"), 0.0)
    file.write_text("")
    assert make(file, *more) is not None
    file.write_text(text)
    with pytest.raises(SettingsError, match=said):
        make(file, *more)


def test_a_controller_s_routes(tmp_path: Path):
    """A route that is no address is named by its domain."""
    file = tmp_path / "alg.toml"
    file.write_text('[routes]\n"home2.example" = "somewhere:5060"\n')
    with pytest.raises(SettingsError, match=r"line 2: routes\.home2\.example: 'somewhere'"):
        settings.alg(file, Source(1, "x"), 0.0)


def test_a_controller_s_packages(tmp_path: Path):
    """What its file says of packages the controller goes by; a wrong file is named with its key and line."""
    (tmp_path / "mine.toml").write_text("[tcpbcc.events.BNCChange]\nid = 7\n")
    file = tmp_path / "alg.toml"
    file.write_text('packages = "mine.toml"\n')

    def known() -> int | None:
        settings.alg(file, Source(1, "x"), 0.0)
        item = registry().lookup("tcpbcc/BNCChange")
        return None if item is None else item.id

    assert copy_context().run(known) == 7
    (tmp_path / "wrong.toml").write_text("[tcpbcc]\nid = 'x'\n")
    file.write_text('\npackages = "wrong.toml"\n')
    with pytest.raises(SettingsError, match=r"alg\.toml, line 2: packages: .*wrong\.toml"):
        settings.alg(file, Source(1, "x"), 0.0)


def test_a_file_that_can_not_be_read(tmp_path: Path):
    """Missing, not UTF-8, or far too long."""
    with pytest.raises(SettingsError, match="No such file"):
        settings.agw(tmp_path / "none.toml", Source(1, "x"), 0.0)
    (tmp_path / "odd.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(SettingsError, match="not UTF-8 at octet 8"):
        settings.agw(tmp_path / "odd.toml", Source(1, "x"), 0.0)
    (tmp_path / "long.toml").write_bytes(b"#" * 2_000_000)
    with pytest.raises(SettingsError, match="no settings file"):
        settings.agw(tmp_path / "long.toml", Source(1, "x"), 0.0)


def test_an_ims_alg_s_choices(tmp_path: Path):
    """What an operator may choose at the IMS-ALG can be said in its file; another word is named with its line."""
    file = tmp_path / "alg.toml"
    file.write_text("""tcp = "stateless"
modifies_setup = true
narrows = true
starts_tcp = "signal"
msrp = "sessmatch"
plain_answer = "forward"
guards_e2e = false
bfcp_tls = "setup"
patience = 2.5
""")
    node = settings.alg(file, Source(1, "x"), 0.0)
    said, usual = msgspec.structs.asdict(node._edge.settings), msgspec.structs.asdict(Settings())
    assert {name: value for name, value in said.items() if value != usual[name]} == {
        "tcp": "stateless", "modifies_setup": True, "narrows": True, "starts_tcp": "signal", "msrp": "sessmatch",
        "plain_answer": "forward", "guards_e2e": False, "bfcp_tls": "setup", "patience": 2.5}
    file.write_text('tcp = "sometimes"\n')
    with pytest.raises(SettingsError, match=r"alg\.toml, line 1: tcp: .*sometimes"):
        settings.alg(file, Source(1, "x"), 0.0)
