"""New offers inside a fax call between two UEs, in the middle of the page: which keep its DTLS association.

RFC 8842 §3.1 and §5, RFC 7345 §4.5.
"""

from __future__ import annotations

import pytest
from test_ue_fax import BOB, FAX, HOSTS, Wired, both, primaries

from workbench.nodes.fax_terminal import FaxTerminal
from workbench.nodes.orders import AnswerAnew, Call, HangUp, ReOffer, SendFax

WHOLE = {name: [one.octets for one in FAX.of(part)] for name, part in (("alice", "caller"), ("bob", "called"))}


class Fax(Wired):
    """A page from alice to bob; something happens at 15 s, in the middle of it."""

    def __init__(self, tmp_path, *orders, alice=None, bob=None):
        super().__init__(tmp_path, [
            (1.0, "alice", Call(BOB)), (5.0, "alice", SendFax(waits=False)), (5.0, "bob", SendFax(waits=False)),
            *orders, (45.0, "alice", HangUp())], alice=alice, bob=bob, until=70.0)

    @property
    def handshakes(self) -> int:
        """How many have completed: each has two Finished, and they may be repeated."""
        return len({one.octets for one in self.run.report.messages
                    if one.protocol == "DTLS" and one.summary.startswith("ServerHelloDone")})

    def whole(self) -> bool:
        """Both terminals' packets are on the wire, all of them, in order, and each came from its own end."""
        return all(primaries([octets for host, octets in self.all_packets() if host == HOSTS[name]]) == WHOLE[name]
                   for name in WHOLE)

    def all_packets(self):
        return [(one.source.address, one.octets) for one in self.run.report.messages
                if one.protocol in ("UDPTL", "unknown")]


def server_hellos(fax: Fax) -> int:
    return len([one for one in fax.run.report.messages if one.protocol == "DTLS" and not one.repeated
                and one.summary.startswith("ServerHello") and "Done" not in one.summary])


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize(("order", "handshakes"), [
    (ReOffer(), 1), (ReOffer("new"), 2), (ReOffer(certificate=True), 2), (ReOffer("new", certificate=True), 2),
    (ReOffer(port=True), 1), (ReOffer("new", port=True), 2),
], ids=["same", "tls-id", "certificate", "both", "port", "tls-id and port"])
def test_a_new_offer_in_the_middle_of_the_page(tmp_path, who, order, handshakes):
    """What keeps the association and what makes a new one; the page comes whole, whoever offers."""
    fax = Fax(tmp_path, (15.0, who, order))
    assert server_hellos(fax) == handshakes
    assert fax.whole()


@pytest.mark.parametrize("order", [AnswerAnew(), AnswerAnew(port=True), AnswerAnew(certificate=True)],
                         ids=["tls-id", "port", "certificate"])
def test_the_answerer_asks_for_a_new_association(tmp_path, order):
    """The offer is to keep it, the answer has an a=tls-id that is new: a new one (RFC 8842 §5.3)."""
    fax = Fax(tmp_path, (14.0, "bob", order), (15.0, "alice", ReOffer()))
    assert server_hellos(fax) == 2
    assert fax.whole()
    first, second, third, fourth = (media.attribute("tls-id") for media in fax.streams())
    assert first == third
    assert second != fourth


@pytest.mark.parametrize(("order", "handshakes"), [(ReOffer(), 1), (ReOffer(port=True), 2),
                                                   (ReOffer(certificate=True), 2)])
def test_without_tls_id_the_transport_address_counts(tmp_path, order, handshakes):
    """Terminals of Release 12 write none: another port means a new association there (R-6.2.10.4-15)."""
    fax = Fax(tmp_path, (15.0, "alice", order), **both(fax=FaxTerminal(names=False)))
    assert {media.attribute("tls-id") for media in fax.streams()} == {None}
    assert server_hellos(fax) == handshakes
    assert fax.whole()


@pytest.mark.parametrize("order", [ReOffer(), ReOffer(port=True)])
def test_in_clear_a_page_follows_to_another_port(tmp_path, order):
    """UDPTL in clear has no association: it goes to where SDP says."""
    fax = Fax(tmp_path, (15.0, "alice", order), **both(media_security=False))
    assert fax.whole()
    assert "DTLS" not in fax.kinds()


def test_the_other_role_makes_a_new_association(tmp_path):
    """a=setup of an offer turns the roles around: who waited for the ClientHello sends it (RFC 8842 §3.1)."""
    fax = Fax(tmp_path, (15.0, "alice", ReOffer(setup="passive")))
    servers = [one.source.address for one in fax.run.report.messages if one.protocol == "DTLS" and not one.repeated
               and one.summary.startswith("ServerHello") and "Done" not in one.summary]
    assert servers == [HOSTS["bob"], HOSTS["alice"]]
    assert fax.whole()


def test_a_refused_offer_leaves_all_as_it_was(tmp_path):
    """The far end takes no such offer: the port is given up, and the page goes on."""
    fax = Fax(tmp_path, (15.0, "alice", ReOffer("new", port=True, setup="holdconn")))
    assert fax.whole()
    assert server_hellos(fax) == 1


def test_offers_from_both_sides_at_once(tmp_path):
    """491, and each is made again: two new associations one after the other (RFC 3261 §14.1)."""
    fax = Fax(tmp_path, (15.0, "alice", ReOffer("new")), (15.0, "bob", ReOffer("new")))
    assert any(one.summary.startswith("491") for one in fax.run.report.messages)
    assert server_hellos(fax) == 3
    assert fax.whole()


def test_a_new_association_with_another_certificate_than_announced_ends_the_fax(tmp_path):
    """What is presented is not what the new SDP says: nothing leaves over it, and the former one serves no longer."""
    fax = Fax(tmp_path, (15.0, "bob", ReOffer("new")), bob={"presents": "another"})
    assert fax.all_packets() == []


def test_no_fax_to_ask_for(tmp_path):
    """An order for the answer of a call without DTLS fails with words."""
    fax = Fax(tmp_path, (14.0, "bob", AnswerAnew()), **both(media_security=False))
    assert "no new association is asked for: there is no fax in DTLS" in fax.hears("bob")
    assert SendFax().waits
