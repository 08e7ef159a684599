"""Where an IMS-ALG sends the requests of a dialog (RFC 3261 §8.1.2; TS 24.229 §5.2.7.2)."""

from __future__ import annotations

import pytest

from workbench.nodes.ims_alg.calls import ACCESS, CORE, Leg
from workbench.nodes.ims_alg.signalling import next_hop
from workbench.protocols import sip

INVITED = ("192.0.2.200", 5060)


def dialog(target: str, *routes: str) -> sip.Dialog:
    return sip.Dialog("c1", "<sip:a@x>;tag=1", "<sip:b@y>;tag=2", target, routes)


@pytest.mark.parametrize(("target", "routes", "hop"), [
    ("sip:bob@192.0.2.7:5099", (), ("192.0.2.7", 5099)),
    ("sip:bob@192.0.2.7", (), ("192.0.2.7", 5060)),
    ("sip:bob@[2001:DB8::7]:5062", (), ("2001:db8::7", 5062)),
    ("sip:bob@192.0.2.7", ("<sip:192.0.2.9:5070;lr>", "<sip:192.0.2.10;lr>"), ("192.0.2.9", 5070)),
    ("sip:bob@home2.example", (), INVITED),
    ("sip:bob@192.0.2.7", ("<sip:proxy.home2.example;lr>",), INVITED),
    ("tel:+15551234", (), INVITED),
    ("", (), INVITED),
], ids=["contact", "default port", "IPv6", "route", "name", "route with a name", "tel", "no contact"])
def test_towards_the_core(target: str, routes: tuple[str, ...], hop: sip.Address):
    """The first route, else the remote target; what is no address of a host leaves it where the INVITE went."""
    assert next_hop(Leg(CORE, INVITED, dialog(target, *routes))) == hop


def test_towards_a_ue():
    """A UE may be behind a NAT: its own flow, whatever its Contact says; before a dialog, where the INVITE goes."""
    assert next_hop(Leg(ACCESS, INVITED, dialog("sip:alice@10.0.0.1:5060"))) == INVITED
    assert next_hop(Leg(CORE, INVITED)) == INVITED
