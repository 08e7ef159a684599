"""The nine-by-nine matrix, every cell a call on the wire, against tables derived on paper.

The tables are functions of words ("EI", "AD", "APD": RFC 4787 §4.1 and §5). They are derived in the comments, from what
the RFCs say of the two NATs and of TCP, and share nothing with the node that they judge.
"""

from __future__ import annotations

import itertools

import pytest

from workbench.analysis.pcapng import Reader, Writer
from workbench.lab import reachability
from workbench.lab.reachability import PAIRS
from workbench.nodes.nat import Behaviour, bindings

EI, AD, APD = "EI", "AD", "APD"
WORDS = dict(zip(Behaviour, (EI, AD, APD), strict=True))


def words(pair):
    return WORDS[pair.mapping], WORDS[pair.filtering]


def count(works):
    """In how many of the 81 calls a rule says yes."""
    return sum(works(*words(a), *words(b)) for a, b in itertools.product(PAIRS, repeat=2))


def differences(matrix, works):
    """Cells that are not as a rule has them, with what the packets say; empty: the whole table is equal.

    A rule takes the words of both NATs: mapping and filtering of A's, then of B's.
    """
    return [f"{a} to {b}: {matrix.cell(a, b)}" for a, b in itertools.product(matrix.rows, matrix.columns)
            if matrix.cell(a, b).works is not works(*words(a), *words(b))]


# Through gateways, a=setup as offered.
#
# UE A is active: it opens to its own gateway, which every NAT lets it do. So A's NAT does not count.
# UE B is passive: its gateway opens to the address that the STUN server saw, which is B's binding for the server.
# The gateway is neither the server nor at its address, and B has sent nothing to the gateway's media address.
# So the SYN comes in exactly where the filter asks for nothing: endpoint-independent filtering.
# How B's NAT maps does not count: a connection that comes in is answered through the binding that it came by
# (RFC 5382 REQ-2: all valid sequences of TCP packets, also of connections initiated externally).
def as_offered(mapping_a, filtering_a, mapping_b, filtering_b):
    return filtering_b == EI


# Through gateways, a=setup modified: UE B opens to its own gateway too, which every NAT lets it do; the gateway joins
# the two connections (TS 23.334 §5.16.2.3).
def modified(mapping_a, filtering_a, mapping_b, filtering_b):
    return True


# Simultaneous open, both at one time, no listeners.
#
# A opens from its port to where B was seen (b), B from its port to where A was seen (a). Each NAT has sent its own
# SYN before the other one arrives, so nothing is unsolicited.
# A's TCP waits for segments from b, and B's for segments from a. A's SYN leaves from a only if A's mapping is the one
# that the server saw, so for another destination only with endpoint-independent mapping; the same goes for B.
# Where both map so, each SYN comes from the endpoint that the other side has just sent to: any filter lets it in.
# Where one does not, its side's segments come from an endpoint that the other TCP knows nothing of.
def crossing(mapping_a, filtering_a, mapping_b, filtering_b):
    return mapping_a == mapping_b == EI


# The same, but B opens 2 s later. A's first SYN is at B's NAT before B has sent anything but to the server.
# - Endpoint-independent filtering lets it in, to a host where nobody listens: the host's RST ends A's attempt.
# - Any other filter stops it. If the NAT keeps silent (or waits 6 s, RFC 5382 REQ-4), A repeats its SYN after B has
#   sent its own, and all is as above. If the NAT answers RST at once, A's attempt is over, and B's SYN finds nobody.
def later(mapping_a, filtering_a, mapping_b, filtering_b):
    return mapping_a == mapping_b == EI and filtering_b != EI


def never(mapping_a, filtering_a, mapping_b, filtering_b):
    return False


# Hole punching: both listen, too.
#
# It works if A's SYN gets to B's host, or B's to A's. Once both have sent, X's SYN gets in to Y, at the binding that
# the server saw, where
# - Y filters endpoint-independently; or
# - Y's own SYN went through that very binding (endpoint-independent mapping) and opened its filter for X: for X's
#   whole address with address-dependent filtering; for one endpoint with address-and-port-dependent filtering, which
#   is the one that X's SYN comes from only if X maps endpoint-independently.
# But if X's SYN comes from the endpoint that Y has opened to (X maps endpoint-independently) while Y's SYN left through
# another binding (Y does not), Y's TCP takes both for one connection, and answers through that other binding, where
# X does not expect it.
def gets_in(mapping_x, mapping_y, filtering_y):
    if filtering_y == EI:
        return not (mapping_x == EI and mapping_y != EI)
    return mapping_y == EI and (filtering_y == AD or mapping_x == EI)


def punching(mapping_a, filtering_a, mapping_b, filtering_b):
    return gets_in(mapping_a, mapping_b, filtering_b) or gets_in(mapping_b, mapping_a, filtering_a)


# The same, with B 2 s later. A's SYN that an endpoint-independent filter lets in waits at B's listener until B opens,
# so B answers it through the binding by which it came: that always works. Otherwise repetitions make it as above.
def punching_later(mapping_a, filtering_a, mapping_b, filtering_b):
    return filtering_b == EI or punching(mapping_a, filtering_a, mapping_b, filtering_b)


# With RST at once, A's own attempt is over where B's filter stopped it; A still listens, so B's SYN may get in.
def punching_later_reset(mapping_a, filtering_a, mapping_b, filtering_b):
    return filtering_b == EI or gets_in(mapping_b, mapping_a, filtering_a)


def test_a_passive_callee_is_reached_where_its_nat_filters_nothing():
    """Without modification of a=setup, 27 of 81 calls work: those whose callee has endpoint-independent filtering."""
    assert differences(reachability.matrix(modified=False), as_offered) == []
    assert count(as_offered) == 27


def test_modification_makes_every_call_work():
    """With modification of a=setup for the callee behind a NAT, all 81 calls work (TS 23.334 §5.16.2.3)."""
    assert differences(reachability.matrix(modified=True), modified) == []


@pytest.mark.parametrize("unsolicited", ["drop", "reset", "icmp"])
def test_simultaneous_open_needs_endpoint_independent_mapping(unsolicited):
    """RFC 5382 REQ-1, REQ-2: 9 of 81, whatever the NATs filter and answer, when both sides open at one time."""
    assert differences(reachability.matrix(mechanism="direct", unsolicited=unsolicited), crossing) == []
    assert count(crossing) == 9


@pytest.mark.parametrize(("unsolicited", "works"), [("drop", later), ("icmp", later), ("reset", never)])
def test_a_reset_at_once_breaks_simultaneous_open(unsolicited, works):
    """RFC 5382 REQ-4: six seconds of silence are what makes an open that is not quite simultaneous work."""
    assert differences(reachability.matrix(mechanism="direct", unsolicited=unsolicited, lag=2.0), works) == []


@pytest.mark.parametrize(("unsolicited", "works"), [("drop", later), ("icmp", never)])
def test_six_seconds_are_enough_or_they_are_not(unsolicited, works):
    """RFC 5382 REQ-4: a side that opens 8 s later finds the first attempt ended by ICMP, or still there."""
    assert differences(reachability.matrix(mechanism="direct", unsolicited=unsolicited, lag=8.0), works) == []


@pytest.mark.parametrize(("lag", "unsolicited", "works"), [
    (0.0, "drop", punching), (2.0, "drop", punching_later), (2.0, "icmp", punching_later),
    (2.0, "reset", punching_later_reset)])
def test_listeners_help_where_one_side_is_open(lag, unsolicited, works):
    """RFC 5128 §3.4: with listeners one SYN that gets through is enough."""
    assert differences(reachability.matrix(mechanism="punching", unsolicited=unsolicited, lag=lag), works) == []


# Every check must be able to fail.

def weakened(monkeypatch, **forced):
    """NATs that behave in one way, whatever they are told."""
    as_told = bindings.Bindings.__init__

    def forced_init(self, mapping, filtering, *others, **settings):
        as_told(self, forced.get("mapping", mapping), forced.get("filtering", filtering), *others, **settings)

    monkeypatch.setattr(bindings.Bindings, "__init__", forced_init)


def test_a_nat_that_ignores_its_filter_is_found(monkeypatch):
    """With NATs that let everybody in, two thirds of the calls work against the table."""
    weakened(monkeypatch, filtering=Behaviour.ENDPOINT_INDEPENDENT)
    assert len(differences(reachability.matrix(rows=PAIRS[4:5]), as_offered)) == 6


def test_a_nat_that_ignores_its_mapping_is_found(monkeypatch):
    """With NATs that have one binding for all destinations, all opens work, 72 of them against the table."""
    weakened(monkeypatch, mapping=Behaviour.ENDPOINT_INDEPENDENT)
    assert len(differences(reachability.matrix(mechanism="direct"), crossing)) == 72


def test_a_call_whose_answer_is_lost_does_not_count(tmp_path):
    """Content that arrives is not enough: the 200 has to come back where UE A lives."""
    capture = reachability.call(PAIRS[0], PAIRS[0], mechanism="direct", out=tmp_path).capture
    assert reachability.judge(capture).works
    kept = tmp_path / "cut.pcapng"
    with Reader(capture) as reader, Writer(kept) as writer:
        wires = {}
        for packet in reader:
            if packet.wire not in wires:
                wires[packet.wire] = writer.interface(packet.wire)
            if not (packet.wire == "UE A home" and b" 200 OK" in packet.octets):
                writer.packet(wires[packet.wire], packet.time_ns, packet.octets)
    cell = reachability.judge(kept)
    assert not cell.works and "did not come back" in cell.why


def test_a_call_that_fails_is_released():
    """R-6.2.10.3-18: the gateway tells that no connection came, and the IMS-ALGs end the call on both sides."""
    report = reachability.call(PAIRS[0], PAIRS[8]).report
    assert not any(leg.established for leg in report.sessions[2].legs if leg.name == "access B")
    for wire in ("UE A home", "UE B home"):
        assert report.select("SIP", wire=wire, summary="BYE"), f"nobody hangs up on {wire}"


# The matrix as a value

def test_the_text_form_is_a_table():
    """A line for each behaviour of UE A's NAT, a column for each of UE B's, and what was tried."""
    pairs = (PAIRS[0], PAIRS[8])
    told: list[tuple[int, int]] = []
    matrix = reachability.matrix(mechanism="direct", rows=pairs, columns=pairs,
                                 progress=lambda done, of: told.append((done, of)))
    lines = str(matrix).splitlines()
    assert lines[0].endswith("1 of 4 calls work")
    assert [line.split() for line in lines[3:6]] == [
        ["EI/EI", "APD/APD"], ["EI/EI", "yes", "."], ["APD/APD", ".", "."]]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert "the NAT of UE B lets no SYN of 203.0.113.10" in matrix.cell(PAIRS[8], PAIRS[8]).why


def test_processes_share_the_calls():
    """Two processes make the same table as one."""
    pairs = PAIRS[::4]
    alone = reachability.matrix(mechanism="direct", rows=pairs, columns=pairs)
    assert reachability.matrix(mechanism="direct", rows=pairs, columns=pairs, workers=2) == alone


def test_one_seed_makes_one_capture(tmp_path):
    """A cell can be made again, octet for octet, and opened."""
    first, second = (reachability.call(PAIRS[1], PAIRS[2], mechanism="punching", seed=7, out=tmp_path / name)
                     for name in ("first", "second"))
    assert first.capture.read_bytes() == second.capture.read_bytes()
    assert any(message.protocol == "MSRP" for message in first.report.messages)
