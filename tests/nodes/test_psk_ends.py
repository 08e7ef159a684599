"""TLS by pre-shared key at the two kinds of end that nodes have: a UE's, and a gateway's termination."""

from __future__ import annotations

import msgspec
import pytest
from agw_stage import EVENTS, UE, A, Peer, add, given, local, remote, settle, stream
from agw_stage import Stage as GatewayStage
from msrp_stage import Stage

from workbench.net.values import Endpoint, LogKeys, Note, SendStream, Stream
from workbench.nodes.msrp_endpoint import Down, Heard, Up
from workbench.security import tls
from workbench.security.psk import PreSharedKey, PskSession

TEK = PreSharedKey(b"ticket-cs-1", bytes.fromhex("ae444098f7c20d1d0cfe701a2a72cf3f"))
WRONG = PreSharedKey(TEK.identity, bytes(16))
STRANGE = PreSharedKey(b"ticket-cs-2", TEK.key)
EACH = [pytest.param({"opens": opens, "version": version}, id=f"{'client' if opens else 'server'}, TLS {version}")
        for opens in (True, False) for version in ("1.2", "1.3")]


# A UE

@pytest.mark.parametrize("setting", EACH)
def test_messages_pass_between_ends_that_have_the_key(setting):
    """MSRP is up on both ends without a certificate, whoever is TLS client."""
    stage = Stage(secure=True, keys=(TEK, TEK), **setting).up()
    stage.says("hello")
    stage.hears("hi there")
    assert [news.body for news in stage.news if isinstance(news, Heard)] == [b"hi there"]


@pytest.mark.parametrize("setting", EACH)
def test_a_late_key_is_waited_for(setting):
    """X13: nothing leaves before the key; with it the session comes up."""
    stage = Stage(secure=True, keys=(None, TEK), **setting).connected()
    stage.ordered(stage.media.agree((), stage.now)).settled()
    assert stage.news == []
    assert not any(isinstance(command, SendStream) for command in stage.all)
    stage.ordered(stage.media.provide(TEK, stage.now)).settled()
    assert stage.news == [Up()]


def test_a_key_that_is_there_before_the_connection_is_used_for_it():
    """The key may come before TCP: the session that begins then has it."""
    stage = Stage(secure=True, opens=True, keys=(None, TEK))
    assert stage.media.provide(TEK, stage.now) == []
    stage.up()


def test_a_session_that_is_up_before_the_answer_waits_for_it():
    """The key is enough for TLS; what comes on it is handed up after the answer, as on any early connection."""
    stage = Stage(secure=True, version="1.2", keys=(TEK, TEK)).connected()
    assert stage.media._tls is not None and stage.media._tls.state is tls.State.UP
    assert stage.news == [] and not stage.media.up
    stage.secured(stage.tls.send(b"MSRP early\r\n")).settled()
    assert stage.news == []
    stage.ordered(stage.media.agree((), stage.now))
    assert stage.news[0] == Up()


@pytest.mark.parametrize("setting", EACH)
@pytest.mark.parametrize("known", [pytest.param(WRONG, id="wrong key"), pytest.param(STRANGE, id="other identity")])
def test_a_key_that_is_not_the_peers_ends_it(setting, known):
    """The connection ends with an alert; nothing was handed up."""
    stage = Stage(secure=True, keys=(known, TEK), **setting)
    stage.ordered(stage.media.agree((), stage.now))
    stage.connected()
    assert "end" in stage.order
    (down,) = (news for news in stage.news if isinstance(news, Down))
    assert any(word in down.reason for word in ("psk", "pre-shared", "mac", "decrypt", "binder")), down
    assert any(isinstance(event, tls.Failed) for event in stage.events)


# A gateway

class Termination:
    """A passive endpoint with TLS by pre-shared key, and the UE's end of its connection.

    Args:
        key: what the controller has said by now.
        known: the UE's.
        client: the gateway is told to be TLS client.
    """

    def __init__(self, key: PreSharedKey | None, known: PreSharedKey, version: str, *, client: bool = False) -> None:
        self.stage = stage = GatewayStage(log_keys=True)
        access = given(stage.orders(add("access", stream(
            local("TCP/TLS", "passive"), remote("TCP/TLS", "active", UE), realm=A), EVENTS.format(1),
            *["Signals { tlsbsc/EstBNC { Stream = 1 } }"] * client)))
        (self.bearer,) = stage.node._control.bearers.values()
        self.bearer.means.policy = msgspec.structs.replace(self.bearer.means.policy, psk_versions=(version,))
        self.bearer.apply(msgspec.structs.replace(self.bearer.setting, keyed=True, pre_shared_key=key), stage.now)
        self.peer = Peer(stage, Stream(access, Endpoint(UE.host, 5555)), PskSession(
            known, not client, versions=[version])).connects().up()
        settle(self.peer)

    def told(self, key: PreSharedKey) -> Termination:
        """The controller says the key."""
        stage = self.stage
        self.bearer.apply(msgspec.structs.replace(self.bearer.setting, pre_shared_key=key), stage.now)
        kept, stage.open = stage.open, []
        stage.later(0.001)
        stage.open = [*kept, *self.bearer.means.out.taken(), *stage.open]
        settle(self.peer)
        return self

    def failed(self) -> bool:
        """The controller was notified that TLS failed, and the connection has ended."""
        told = self.stage.notified() == ("ip/1/access/1", "tlsbsc/BNCChange", {"Type": "Fail"})
        settle(self.peer)
        return told and self.peer.ended


GATEWAY = [pytest.param(version, client, id=f"{'client' if client else 'server'}, TLS {version}")
           for client in (True, False) for version in ("1.2", "1.3")]


@pytest.mark.parametrize(("version", "client"), GATEWAY)
def test_a_gateway_takes_who_has_the_key(version, client):
    """The termination is verified without certificates; a note names the identity, and nothing names the key."""
    end = Termination(TEK, TEK, version, client=client)
    assert end.bearer.verified
    notes = " ".join(command.text for command in end.stage.all if isinstance(command, Note))
    assert "the peer has the pre-shared key of b'ticket-cs-1'" in notes
    assert any(isinstance(command, LogKeys) for command in end.stage.all)
    assert not any(form in repr(end.stage.all) for form in (TEK.key.hex(), repr(TEK.key)[2:-1]))


@pytest.mark.parametrize(("version", "client"), GATEWAY)
def test_a_gateway_whose_key_comes_late_waits_for_it(version, client):
    """X13: the handshake rests until the controller has said the key, then it comes up; nothing has failed."""
    end = Termination(None, TEK, version, client=client)
    assert not end.bearer.verified and end.peer.octets == b""
    assert end.told(TEK).bearer.verified


def test_a_gateway_whose_key_never_comes_gives_up():
    """X13: after the guard time the controller reads that TLS failed, and TCP goes."""
    end = Termination(None, TEK, "1.2")
    end.bearer.due(end.stage.now)
    end.stage.later(10.1)
    assert end.failed()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("known", [pytest.param(WRONG, id="wrong key"), pytest.param(STRANGE, id="other identity")])
def test_a_key_that_is_not_the_peers_is_reported_by_the_gateway(version, known):
    """X14: alert 115 for an unknown identity, 20 or 51 for a wrong key; the controller reads that TLS failed."""
    end = Termination(TEK, known, version)
    assert end.failed()
    (failed,) = (event for event in end.peer.secured if isinstance(event, tls.Failed))
    assert failed.alert == (115 if known is STRANGE else 20 if version == "1.2" else 51)


def test_two_terminations_have_two_keys():
    """X21: who has the key of one is not let in at the other."""
    assert Termination(TEK, TEK, "1.2").bearer.verified
    assert Termination(PreSharedKey(TEK.identity, b"k" * 16), TEK, "1.2").failed()
