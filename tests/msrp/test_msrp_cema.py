"""CEMA's tables row by row, c= and m= against a=path, and where a connection goes (RFC 6714, RFC 6135)."""

from __future__ import annotations

import itertools

import pytest

from workbench.protocols.msrp import cema
from workbench.protocols.msrp import uri as uris
from workbench.protocols.msrp.cema import Answer, AnswererAction, Destination, Model, Offer, OffererAction, Place
from workbench.protocols.msrp.uri import Matching

PEER = uris.decode_path("msrp://10.0.0.10:5000/sA;tcp")
OWN = uris.decode_path("msrp://10.9.0.20:9000/sB;tcp")
RELAYED = uris.decode_path("msrps://relay.example.com:2855/x;tcp msrps://10.0.0.10:5000/sA;tcp")
GATEWAY = Place("192.0.2.1", 8000)
BOTH = (False, True)


@pytest.mark.parametrize(("answer", "rule", "action"), [
    (Answer(cema=True, equal=False, active=True), "O1", OffererAction.CONNECT),
    (Answer(cema=True, equal=True, active=True, own_relay=True), "O1", OffererAction.CONNECT),
    (Answer(cema=True, equal=False, active=False), "O2", OffererAction.WAIT),
    (Answer(cema=False, equal=True, active=True), "O3", OffererAction.NORMAL),
    (Answer(cema=False, equal=True, active=False, peer_relay=True), "O3", OffererAction.NORMAL),
    (Answer(cema=False, equal=False, active=False), "O4", OffererAction.FALL_BACK),  # M22
    (Answer(cema=False, equal=False, active=True, own_relay=True), "O5", OffererAction.FALL_BACK),
    (Answer(cema=False, equal=False, active=True, peer_relay=True), "O6", OffererAction.FALL_BACK),
    (Answer(cema=False, equal=False, active=True), "O7", OffererAction.CONNECT),
])
def test_the_offerer(answer: Answer, rule: str, action: OffererAction) -> None:
    """RFC 6714 §4.2: what follows from the answer."""
    found = cema.on_answer(answer)
    assert (found.name, found.action) == (rule, action)


@pytest.mark.parametrize(("offer", "rule", "action"), [
    (Offer(cema=False, equal=False), "A1", AnswererAction.REJECT),  # M21
    (Offer(cema=False, equal=True), "A2", AnswererAction.NORMAL),
    (Offer(cema=False, equal=True, peer_relay=True), "A2", AnswererAction.NORMAL),
    (Offer(cema=True, equal=False, own_relay=True, peer_relay=True, peer_active=False), "A3", AnswererAction.FALL_BACK),
    (Offer(cema=True, equal=True, peer_relay=True, peer_active=True), "A3", AnswererAction.FALL_BACK),
    (Offer(cema=True, equal=True, own_relay=True, may_be_passive=False), "A3", AnswererAction.FALL_BACK),
    (Offer(cema=True, equal=True, peer_relay=True, peer_active=False), "A4", AnswererAction.USE_CEMA),
    (Offer(cema=True, equal=False, own_relay=True), "A4", AnswererAction.USE_CEMA),
    (Offer(cema=True, equal=False), "A4", AnswererAction.USE_CEMA),
])
def test_the_answerer(offer: Offer, rule: str, action: AnswererAction) -> None:
    """RFC 6714 §4.3: what becomes of an offer."""
    found = cema.on_offer(offer)
    assert (found.name, found.action) == (rule, action)


def test_the_tables_are_complete_and_every_row_is_reached() -> None:
    """Whatever is seen, a row fits; and no row stands behind others that take all of its cases."""
    answers = [Answer(*each) for each in itertools.product(BOTH, repeat=5)]
    offers = [Offer(*each) for each in itertools.product(BOTH, repeat=6)]
    assert {cema.on_answer(one) for one in answers} == set(cema.OFFERER)
    assert {cema.on_offer(one) for one in offers} == set(cema.ANSWERER)


def test_no_two_rows_of_the_offerer_disagree() -> None:
    """Where two rows fit (both ends with relays), they ask for the same."""
    for each in itertools.product(BOTH, repeat=5):
        fitting = {rule.action for rule in cema.OFFERER if cema._fits(rule, Answer(*each))}
        assert len(fitting) == 1


NAMES = {"a.example.com": ["10.0.0.10", "2001:db8::1"], "b.example.com": ["2001:db8::1"], "c.example.com": []}


@pytest.mark.parametrize(("place", "path", "equal"), [
    (Place("10.0.0.10", 5000), "msrp://10.0.0.10:5000/sA;tcp", True),
    (Place("10.0.0.10", 5001), "msrp://10.0.0.10:5000/sA;tcp", False),
    (Place("10.0.0.11", 5000), "msrp://10.0.0.10:5000/sA;tcp", False),
    (Place("10.0.0.10", 2855), "msrp://10.0.0.10/sA;tcp", False),  # no default port
    (Place("2001:DB8:0:0::1", 5000), "msrp://[2001:db8::1]:5000/sA;tcp", True),  # as RFC 5952 writes it, or not
    (Place("2001:db8::1", 5000), "msrp://a.example.com:5000/sA;tcp", True),  # one record is enough
    (Place("10.0.0.10", 5000), "msrp://b.example.com:5000/sA;tcp", False),
    (Place("a.example.com", 5000), "msrp://b.example.com:5000/sA;tcp", True),
    (Place("A.example.COM", 5000), "msrp://a.example.com:5000/sA;tcp", True),
    (Place("unknown.example.com", 5000), "msrp://UNKNOWN.example.com:5000/sA;tcp", True),
    (Place("10.0.0.10", 5000), "msrp://unknown.example.com:5000/sA;tcp", False),
    (Place("10.0.0.10", 5000), "msrp://c.example.com:5000/sA;tcp", False),
    (Place("10.0.0.9", 2855), "msrps://10.0.0.9:2855/r;tcp msrps://10.0.0.10:5000/sA;tcp", True),
    (Place("10.0.0.10", 5000), "msrps://10.0.0.9:2855/r;tcp msrps://10.0.0.10:5000/sA;tcp", False),
])
def test_when_the_connection_address_is_that_of_the_path(place: Place, path: str, equal: bool) -> None:
    """RFC 6714 §4.4."""
    assert cema.same_place(place, uris.decode_path(path), NAMES.get) is equal


@pytest.mark.parametrize(("has_cema", "rule"), [(True, "A4"), (False, "A1")])
def test_the_worked_example_of_an_offer_through_a_gateway(has_cema: bool, rule: str) -> None:
    """Only c= and m= were changed: fine with msrp-cema, refused without (M21; spec/msrp.md §10.3)."""
    path = uris.decode_path("msrps://198.51.100.10:28550/uA3n7QwZ0kRb5YtH;tcp")
    equal = cema.same_place(Place("192.0.2.1", 40002), path)
    assert not equal
    assert cema.same_place(Place("198.51.100.10", 28550), path)
    assert cema.on_offer(Offer(cema=has_cema, equal=equal, peer_active=False)).name == rule
    assert at(cema.destination(Model.CEMA, path, Place("192.0.2.1", 40002), peer_cema=True)) == ("192.0.2.1", 40002)


def test_without_a_resolver_a_name_equals_itself_only() -> None:
    assert not cema.same_place(Place("10.0.0.10", 5000), uris.decode_path("msrp://a.example.com:5000/s;tcp"))
    assert cema.same_place(Place("a.example.com", 5000), uris.decode_path("msrp://a.example.com:5000/s;tcp"))


def at(found: Destination | None) -> tuple[str, int] | None:
    return None if found is None else (found.host, found.port)


@pytest.mark.parametrize(("model", "peer_cema", "where"), [
    (Model.PLAIN, False, ("10.0.0.10", 5000)), (Model.PLAIN, True, ("10.0.0.10", 5000)),
    (Model.SESSMATCH, False, ("10.0.0.10", 5000)), (Model.SESSMATCH, True, ("10.0.0.10", 5000)),
    (Model.CEMA, True, ("192.0.2.1", 8000)),   # O1, A4
    (Model.CEMA, False, ("192.0.2.1", 8000)),  # O7
])
def test_where_a_connection_goes_through_a_gateway_that_left_the_path_alone(
    model: Model, peer_cema: bool, where: tuple[str, int]
) -> None:
    """Only CEMA looks at c= and m=; this is why the others miss a gateway that changes nothing else (R-5.19.2-5)."""
    found = cema.destination(model, PEER, GATEWAY, peer_cema=peer_cema, own_path=OWN)
    assert at(found) == where
    assert found is not None
    assert "RFC" in found.why


def test_where_a_connection_goes_with_relays() -> None:
    """The next hop is the leftmost URI; who has a relay connects to that one, whatever the peer says."""
    assert at(cema.destination(Model.PLAIN, RELAYED, GATEWAY)) == ("relay.example.com", 2855)
    for model in Model:
        found = cema.destination(model, PEER, GATEWAY, peer_cema=True, own_path=RELAYED)
        assert at(found) == ("relay.example.com", 2855)


def test_a_uri_without_port_leads_nowhere() -> None:
    assert cema.destination(Model.PLAIN, uris.decode_path("msrp://a.example.com/s;tcp"), GATEWAY) is None


def test_equal_places_are_reached_the_usual_way() -> None:
    found = cema.destination(Model.CEMA, PEER, Place("10.0.0.10", 5000))  # O3, A2
    assert found is not None
    assert at(found) == ("10.0.0.10", 5000)
    assert "a=path" in found.why


def test_only_sessmatch_compares_less_than_the_whole_uri() -> None:
    assert {model: model.matching for model in Model} == {
        Model.CEMA: Matching.EXACT, Model.PLAIN: Matching.EXACT, Model.SESSMATCH: Matching.SESSION_ID}
