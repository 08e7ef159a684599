"""UEs whose TLS is by pre-shared key: SDP with a=key-mgmt, a key from the start or late, and what goes wrong."""

from __future__ import annotations

import pytest
from ue_stage import BOB, PRINT, Line, Pair, answer, offer

from workbench.net.values import LogKeys
from workbench.nodes.orders import Call, HangUp, SendText
from workbench.nodes.ue.keyed import Keyed
from workbench.protocols import sdp, sip
from workbench.security.psk import PreSharedKey

TEK = PreSharedKey(b"ticket-cs-1", bytes.fromhex("ae444098f7c20d1d0cfe701a2a72cf3f"))
WRONG = PreSharedKey(TEK.identity, bytes(16))
STRANGE = PreSharedKey(b"ticket-cs-2", TEK.key)
SAYS = "mikey AQQFgFUa"
TO = "sip:b@one.example"


def keyed(key: PreSharedKey | None = TEK, version: str = "1.2", **more: object) -> dict[str, object]:
    return {"media_security": True, "keyed": Keyed(SAYS, key, (version,)), **more}


def media(message: sip.Message) -> sdp.Media:
    return sdp.decode(message.body).media[0]


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("offers", ["active", "passive"])
def test_two_ues_with_the_key_talk(version: str, offers: str):
    """SDP has a=key-mgmt, no fingerprint and no e2ae; messages pass both ways; nothing shows the key."""
    pair = Pair(keyed(version=version, offers=offers), keyed(version=version, answers="active"))
    pair.asks("A", Call(TO)).until(2).asks("A", SendText("hello")).until(3).asks("B", SendText("hi")).until(4)
    assert (pair.heard("B"), pair.heard("A")) == (["hello"], ["hi"])
    described = [media(one) for one in pair.said() if one.body]
    assert [one.proto for one in described] == ["TCP/TLS/MSRP"] * 2
    for one in described:
        assert one.attribute("key-mgmt") == SAYS
        assert one.attribute("fingerprint") is one.attribute("3ge2ae") is None
    assert any(isinstance(done, LogKeys) for _, done in pair.did["A"])
    shown = repr(pair.did)
    assert not any(form in shown for form in (TEK.key.hex(), repr(TEK.key)[2:-1]))
    pair.asks("A", HangUp()).until(20)
    assert pair.nodes["A"].idle and not pair.nodes["A"].failed


@pytest.mark.parametrize("late", ["A", "B"])
def test_a_key_that_comes_late_is_waited_for(late: str):
    """X13: the call is up, TLS waits at the end that has no key yet, and goes on when it is there."""
    pair = Pair(keyed(None if late == "A" else TEK), keyed(None if late == "B" else TEK))
    pair.asks("A", Call(TO)).until(2).asks("A", SendText("hello")).until(3)
    assert pair.heard("B") == []
    (call,) = pair.nodes[late]._phone.calls()
    for command in call.bearer.media.provide(TEK, pair.now):
        pair.network.carry(late, command, pair.now)
    pair.until(4).asks("A", SendText("again")).until(5)
    assert pair.heard("B")[-1] == "again"


@pytest.mark.parametrize("other", [pytest.param(WRONG, id="wrong key"), pytest.param(STRANGE, id="other identity")])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_ends_with_other_keys_do_not_talk(version: str, other: PreSharedKey):
    """The connection goes, the call is failed, and nothing was handed up."""
    pair = Pair(keyed(version=version), keyed(other, version))
    pair.asks("A", Call(TO)).until(2).asks("A", SendText("hello")).until(5)
    assert pair.heard("B") == []
    assert pair.nodes["A"].failed


def test_a_ue_without_keys_refuses_an_offer_by_key():
    """488: there is nothing to put in place of the key."""
    line = Line(media_security=True)
    line.calls(offer("active", "TCP/TLS/MSRP", 9, f"a=key-mgmt:{SAYS}", path="msrps://198.51.100.1:30000/bob;tcp"))
    line.hears_status(488)


def test_an_offer_by_certificate_is_answered_with_one():
    """A UE that has a key takes certificates where the offer knows nothing of keys."""
    line, _ = Line(**keyed()).called(offer(
        "active", "TCP/TLS/MSRP", 9, f"a=fingerprint:{PRINT}", path="msrps://198.51.100.1:30000/bob;tcp"))
    (call,) = line.ue._phone.calls()
    described = call.ours.media
    assert described.attribute("fingerprint") is not None
    assert described.attribute("key-mgmt") is None


@pytest.mark.parametrize("lines", [(), (f"a=fingerprint:{PRINT}",)], ids=["bare", "by certificate"])
def test_an_answer_that_leaves_the_key_out_ends_the_call(lines: tuple[str, ...]):
    """Somebody has taken a=key-mgmt away (RFC 4567 §4): there is no falling back."""
    line = Line(**keyed())
    invite = line.asked(Call(BOB)).hears_request("INVITE")
    line.answers(invite, 200, answer("passive", "TCP/TLS/MSRP", 30000, *lines,
                                     path="msrps://198.51.100.1:30000/bob;tcp"))
    line.hears_request("ACK")
    line.hears_request("BYE")
    assert any("no a=key-mgmt in the answer" in note for note in line.notes())
