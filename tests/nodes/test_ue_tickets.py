"""UEs with MIKEY tickets and a KMS on one wire: request, offer, resolve, answer, TLS by the ticket's key."""

from __future__ import annotations

import msgspec
import pytest
from tickets_words import KMS_ID, TPK, named
from ue_stage import HOSTS, Pair

from workbench.lab import certificates
from workbench.net.values import Endpoint
from workbench.nodes.kms import KeyManagementService
from workbench.nodes.orders import Call, HangUp, SendText
from workbench.nodes.tickets import Tickets
from workbench.protocols.mikey import wire
from workbench.protocols.mikey.registry import DataType, Flag
from workbench.protocols.sdp import KeyManagement
from workbench.security.source import Source
from workbench.security.tickets import Kms, User
from workbench.security.tickets.terms import USUAL

A, B = "sip:a@one.example", "sip:b@one.example"
EPOCH = 1_800_000_000.0
KEYS = {one: named(one, one.encode().ljust(32, b"!")) for one in (A, B)}
TPK_A = named("tpk-a", b"\x0a" * 16)
AT = Endpoint(HOSTS["KMS"], 80)
MODE_3 = {"flags": USUAL & ~Flag.D | Flag.L, "ticket_key": TPK_A}


BY_CERTIFICATE = {A: certificates.certified("UE A", A), B: certificates.certified("UE B", B)}


def center(**users):
    known = {"a": User(KEYS[A], (A.encode(),), TPK_A, certificates=()),
             "b": User(KEYS[B], (B.encode(),), certificates=()), **users}
    kms = Kms(KMS_ID, [one for one in known.values() if one is not None], TPK, Source(1, "KMS"),
              authority=certificates.authority())
    return KeyManagementService("KMS", address=AT, kms=kms, epoch=EPOCH)


def ue(uri, offers="active", answers="passive", by=None, **more):
    return {"media_security": True, "secures": "e2e", "offers": offers, "answers": answers,
            "tickets": Tickets(AT, (by or KEYS)[uri], EPOCH, **more)}


def carried(pair):
    """What the a=key-mgmt of offer and answer is."""
    values = [one.attribute("key-mgmt") for one in pair.described()]
    return [DataType(wire.decode(KeyManagement.decode(one).message).header.data_type) for one in values if one]


@pytest.mark.parametrize(("more", "setup"), [
    ({}, {}), (MODE_3, {}), ({"forks": True}, {}), ({"versions": ("1.3",)}, {}),
    ({}, {"offers": "passive", "answers": "active"}), ({"by": BY_CERTIFICATE}, {}),
    ({"by": BY_CERTIFICATE, "forks": True}, {})],
    ids=["mode 1", "mode 3", "forked", "TLS 1.3", "A waits", "certificates", "certificates, forked"])
def test_two_ues_with_tickets_talk(more, setup):
    """TRANSFER_INIT and TRANSFER_RESP in SDP, the KMS asked by both (mode 3: by B alone), messages both ways."""
    told = {"versions": more.get("versions", ("1.2",)), "by": more.get("by")}
    pair = Pair(ue(A, **setup, **more), ue(B, **setup, **told), kms=center())
    pair.asks("A", Call(B)).until(2).asks("A", SendText("hello")).until(3).asks("B", SendText("hi")).until(4)
    assert (pair.heard("B"), pair.heard("A")) == (["hello"], ["hi"]), (pair.notes("A"), pair.notes("B"))
    assert carried(pair) == [DataType.TRANSFER_INIT, DataType.TRANSFER_RESP]
    assert [who for who, where in pair.opened() if where == AT] == (["B"] if more is MODE_3 else ["A", "B"])
    pair.asks("A", HangUp()).until(20)
    assert pair.nodes["A"].idle and not pair.nodes["A"].failed


def test_a_responder_that_the_kms_does_not_know_refuses_the_call():
    """488, and nothing is sent in the clear."""
    pair = Pair(ue(A), ue(B), kms=center(b=None))
    pair.asks("A", Call(B)).until(5)
    assert 488 in pair.statuses("INVITE") and pair.nodes["A"].failed
    assert any("the offer's ticket" in note for note in pair.notes("B"))


def test_without_a_kms_nobody_is_called():
    """No INVITE leaves: there is no ticket."""
    pair = Pair(ue(A), ue(B))
    pair.asks("A", Call(B)).until(30)
    assert not pair.statuses("INVITE") and any("no ticket" in note for note in pair.notes("A"))


class Stripped(Pair):
    """Somebody on the way changes SIP messages."""

    def _changed(self, name, data):
        if name == "B" and b"a=key-mgmt" in data:
            head, _, body = data.partition(b"\r\n\r\n")
            kept = b"".join(line + b"\r\n" for line in body.split(b"\r\n") if line and b"key-mgmt" not in line)
            lines = [line if not line.lower().startswith(b"content-length") else b"Content-Length: %d" % len(kept)
                     for line in head.split(b"\r\n")]
            return b"\r\n".join(lines) + b"\r\n\r\n" + kept
        return data


def test_an_answer_without_its_key_management_ends_the_call():
    """K8, K21: no falling back to certificates or to plain text."""
    pair = Stripped(ue(A), ue(B), kms=center())
    pair.asks("A", Call(B)).until(2).asks("A", SendText("hello")).until(5)
    assert pair.heard("B") == [] and 200 in pair.statuses("BYE")


class Bidding(Pair):
    """Somebody on the way changes the a=key-mgmt lines of an offer."""

    change = staticmethod(lambda lines: lines)

    def _changed(self, name, data):
        if name == "A" and data.startswith(b"INVITE") and b"a=key-mgmt" in data:
            head, _, body = data.partition(b"\r\n\r\n")
            lines = body.split(b"\r\n")[:-1]
            keyed = [line for line in lines if line.startswith(b"a=key-mgmt")]
            body = b"".join(line + b"\r\n" for line in (
                *(line for line in lines if line not in keyed), *self.change(keyed)))
            kept = [line if not line.lower().startswith(b"content-length") else b"Content-Length: %d" % len(body)
                    for line in head.split(b"\r\n")]
            return b"\r\n".join(kept) + b"\r\n\r\n" + body
        return data


OTHER = "keyp1 c29tZXRoaW5nIHN0cm9uZ2Vy"


@pytest.mark.parametrize(("change", "why"), [
    (lambda lines: lines, ""), (lambda lines: lines[1:], "for an offer of keyp1, mikey, and came in one of mikey"),
    (lambda lines: lines[::-1], "for an offer of keyp1, mikey, and came in one of mikey, keyp1"),
    (lambda lines: [b"a=key-mgmt:keyp2 AAAA", *lines], "came in one of keyp2, keyp1, mikey"),
    (lambda lines: lines[:1], "the offer's ticket")], ids=["as it was", "drop", "reorder", "add", "MIKEY gone"])
def test_the_lines_of_an_offer_arrive_as_they_were_or_there_is_no_call(change, why):
    """RFC 4567 §4.1.4: 488, no KMS is asked, and a person is told which lists differ."""
    pair = Bidding(ue(A, before=(OTHER,)), ue(B), kms=center())
    pair.change = change
    pair.asks("A", Call(B)).until(2).asks("A", SendText("hello")).until(4)
    if not why:
        assert pair.heard("B") == ["hello"]
        offered, answered = pair.described()
        assert len(offered.attributes("key-mgmt")) == 2 and len(answered.attributes("key-mgmt")) == 1
        return
    assert 488 in pair.statuses("INVITE") and pair.heard("B") == []
    assert any(why in note for note in pair.notes("B")), pair.notes("B")
    assert [who for who, where in pair.opened() if where == AT] == ["A"]


def test_keys_show_nowhere():
    """Neither in what nodes do nor in their settings."""
    pair = Pair(ue(A), ue(B), kms=center())
    pair.asks("A", Call(B)).until(3)
    shown = repr(pair.did) + repr(ue(A)) + repr(msgspec.structs.asdict(ue(A)["tickets"]))
    assert not any(key.key.hex() in shown or repr(key.key)[2:-1] in shown for key in (*KEYS.values(), TPK, TPK_A))
