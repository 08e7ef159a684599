"""Segments, their acknowledgements, bundles and refusals as our machine sends them, read by Erlang/OTP's megaco."""

from __future__ import annotations

import pytest
from interop.erlang import Refused, erlang_ber_terms, erlang_terms

from workbench.protocols.h248 import message as m
from workbench.protocols.h248.machine import Transactions, Transmit

AUDIT = m.Action(m.NULL, (m.Command(m.Kind.AUDIT_VALUE, (m.ROOT,), (m.Audit(),)),))
MEDIA = m.Media(termination_state=m.TerminationState(m.ServiceState.IN_SERVICE))


def sent(events):
    return [event.octets for event in events if isinstance(event, Transmit)]


def exchange(coding):
    """A request, its reply in segments, and their acknowledgements, as octets each way."""
    mgc, mg = (Transactions(f"[192.0.2.{host}]:2944", coding=coding, version=3, max_octets=600, acknowledge=True,
                            segments_ahead=99)
               for host in (10, 20))
    number, events = mgc.request((AUDIT,), 0.0)
    asked = sent(events)
    mg.receive_data(asked[0], 0.0)
    mg.receive_data(asked[0], 0.5)  # answered with Pending, so that the last segment has ImmAckRequired
    commands = (m.CommandReply(m.Kind.AUDIT_VALUE, (f"0x{one + 1:06X}",), (MEDIA,)) for one in range(90))
    segments = sent(mg.reply(number, (m.ActionReply(7, tuple(commands)),), 0.6))
    acks = [octets for segment in segments for octets in sent(mgc.receive_data(segment, 0.7))]
    bundle = sent(mgc.request_many([(AUDIT,)] * 3, 1.0)[1])
    return asked, segments, acks, bundle


@pytest.mark.parametrize("coding", ["pretty", "compact", "binary"])
def test_megaco_reads_segments(coding):
    """Number and last mark of each segment and of each acknowledgement are what megaco finds in the octets."""
    asked, segments, acks, bundle = exchange(coding)
    assert len(segments) > 3 and len(acks) == len(segments) + 1 and len(bundle) == 1
    everything = [*asked, *segments, *acks, *bundle]
    terms = erlang_ber_terms([(3, octets) for octets in everything]) if coding == "binary" else erlang_terms(everything)
    terms = ["".join(term.split()) if not isinstance(term, Refused) else term for term in terms]
    assert not [term for term in terms if isinstance(term, Refused)]
    replies = terms[1 : 1 + len(segments)]
    for place, term in enumerate(replies, 1):
        mark = "'NULL'" if place == len(segments) else "asn1_NOVALUE"
        assert f"}},{place},{mark}}}" in term, term
        assert ("{'TransactionReply',1,'NULL'," in term) == (place == len(segments))
    marks = terms[1 + len(segments) : -1]
    for place, term in enumerate(marks[: len(segments)], 1):
        mark = "'NULL'" if place == len(segments) else "asn1_NOVALUE"
        assert f"{{'SegmentReply',1,{place},{mark}}}" in term, term
    assert "{transactionResponseAck,[{'TransactionAck',1,asn1_NOVALUE}]}" in marks[-1]
    assert terms[-1].count("'TransactionRequest'") == 3
