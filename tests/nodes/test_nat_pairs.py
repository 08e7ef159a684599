"""All nine pairs of mapping and filtering: who reaches an open binding, and which port a second destination sees.

The tables are written down from the definitions of RFC 4787 §4.1 and §5, as numbers and words, not from the node.
"""

from __future__ import annotations

import itertools

import pytest
from nat_stage import AD, APD, EI, FRIEND, FRIENDS_OTHER_PORT, INSIDE, OUTSIDE, STRANGER, Box

from workbench.net import packets
from workbench.net.packets import TCP, UDP
from workbench.net.values import Endpoint

PROTOCOLS = pytest.mark.parametrize("protocol", [UDP, TCP], ids=["UDP", "TCP"])
PAIRS = pytest.mark.parametrize(("mapping", "filtering"), list(itertools.product((EI, AD, APD), repeat=2)),
                                ids=lambda behaviour: behaviour.value)

# RFC 4787 §5. The inside has sent to the friend only. Who may send to the binding?
#                        the friend   its other port   another host
REACHES = {
    EI:                  (True,       True,            True),
    AD:                  (True,       True,            False),
    APD:                 (True,       False,           False),
}
# RFC 4787 §4.1. After the friend saw one outside port: is it the same that these see?
#                        its other port   another host
SAME_PORT = {
    EI:                  (True,           True),
    AD:                  (True,           False),
    APD:                 (False,          False),
}


@PROTOCOLS
@PAIRS
def test_who_reaches_an_open_binding(protocol, mapping, filtering):
    """RFC 4787 §5 and RFC 5382 REQ-3: the filter alone decides, whatever the mapping is."""
    reached = []
    for remote in (FRIEND, FRIENDS_OTHER_PORT, STRANGER):
        box = Box(mapping, filtering)
        outside = box.out(INSIDE, FRIEND, protocol)
        reached.append(box.back(remote, outside, protocol) == INSIDE)
    assert tuple(reached) == REACHES[filtering]


@PROTOCOLS
@PAIRS
def test_which_port_a_second_destination_sees(protocol, mapping, filtering):
    """RFC 4787 §4.1 and RFC 5382 REQ-1: the mapping alone decides, whatever the filter is."""
    box = Box(mapping, filtering)
    first = box.out(INSIDE, FRIEND, protocol)
    seen = [box.out(INSIDE, remote, protocol) for remote in (FRIENDS_OTHER_PORT, STRANGER)]
    assert tuple(endpoint == first for endpoint in seen) == SAME_PORT[mapping]
    assert {endpoint.host for endpoint in (first, *seen)} == {OUTSIDE}
    assert box.out(INSIDE, FRIEND, protocol) == first


@PROTOCOLS
@PAIRS
def test_what_a_second_destination_opens(protocol, mapping, filtering):
    """The filter is the binding's own: who was sent to through one binding reaches another one only if that is open.

    The inside sends to the friend and to a stranger. The stranger then tries the port that the friend saw.
    """
    box = Box(mapping, filtering)
    first = box.out(INSIDE, FRIEND, protocol)
    second = box.out(INSIDE, STRANGER, protocol)
    assert box.back(STRANGER, second, protocol) == INSIDE
    same_binding = SAME_PORT[mapping][1]
    assert (box.back(STRANGER, first, protocol, packets.ACK) == INSIDE) == (same_binding or REACHES[filtering][2])


@pytest.mark.parametrize("mapping", [AD, APD])
def test_one_inside_port_has_one_connection_with_a_remote_one(mapping):
    """A SYN for a second connection between the same two ports goes nowhere: its answer would leave by the first's.

    The inside has opened to the stranger through another outside port than the one that the stranger tries.
    """
    box = Box(mapping, EI)
    first = box.out(INSIDE, FRIEND, TCP)
    second = box.out(INSIDE, STRANGER, TCP)
    assert box.back(STRANGER, first, TCP) == f"{INSIDE} has a connection with {STRANGER} through port {second.port}"
    assert box.back(Endpoint(STRANGER.host, 9), first, TCP) == INSIDE


@PAIRS
def test_a_connection_from_outside_goes_on_through_the_port_it_came_by(mapping, filtering):
    """RFC 5382 REQ-2: where the filter admits a SYN, the SYN, ACK leaves from the same outside port; or TCP fails.

    So it is with datagrams: the answer comes from where the question went to.
    """
    for protocol, flags in ((TCP, packets.SYN | packets.ACK), (UDP, 0)):
        box = Box(mapping, filtering)
        outside = box.out(INSIDE, FRIEND, protocol)
        for remote, admitted in zip((FRIEND, FRIENDS_OTHER_PORT, STRANGER), REACHES[filtering], strict=True):
            if admitted:
                assert box.back(remote, outside, protocol) == INSIDE
                assert box.out(INSIDE, remote, protocol, flags) == outside


@PROTOCOLS
def test_another_inside_endpoint_has_nothing_of_it(protocol):
    """A binding belongs to one inside endpoint: another host or port of the inside gets another outside port."""
    box = Box()
    sources = (INSIDE, Endpoint("10.0.0.99", INSIDE.port), Endpoint(INSIDE.host, 5062))
    assert len({box.out(source, FRIEND, protocol) for source in sources}) == 3
