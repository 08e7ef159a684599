"""Segments, their acknowledgements, bundles and refusals as our machine sends them, read by Erlang/OTP's megaco."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import pytest
from interop.erlang import Refused, erlang_ber_terms, erlang_terms
from programs import need

from workbench.net.sockets import free_port
from workbench.protocols.h248 import message as m
from workbench.protocols.h248.association import Association
from workbench.protocols.h248.coding import decode
from workbench.protocols.h248.machine import RequestReceived, Transactions, Transmit

PEER = Path(__file__).with_name("h248_segments.escript")

AUDIT = m.Action(m.NULL, (m.Command(m.Kind.AUDIT_VALUE, (m.ROOT,), (m.Audit(),)),))
MEDIA = m.Media(termination_state=m.TerminationState(m.ServiceState.IN_SERVICE))


def sent(events):
    return [event.octets for event in events if isinstance(event, Transmit)]


def many(count):
    """The replies to an audit of so many terminations."""
    return tuple(m.CommandReply(m.Kind.AUDIT_VALUE, (f"0x{one + 1:06X}",), (MEDIA,)) for one in range(count))


def exchange(coding):
    """A request, its reply in segments, and their acknowledgements, as octets each way."""
    mgc, mg = (Transactions(f"[192.0.2.{host}]:2944", coding=coding, version=3, max_octets=600, acknowledge=True,
                            segments_ahead=99)
               for host in (10, 20))
    number, events = mgc.request((AUDIT,), 0.0)
    asked = sent(events)
    mg.receive_data(asked[0], 0.0)
    mg.receive_data(asked[0], 0.5)  # answered with Pending, so that the last segment has ImmAckRequired
    segments = sent(mg.reply(number, (m.ActionReply(7, many(90)),), 0.6))
    acks = [octets for segment in segments for octets in sent(mgc.receive_data(segment, 0.7))]
    bundle = sent(mgc.request_many([(AUDIT,)] * 3, 1.0)[1])
    return asked, segments, acks, bundle


@pytest.mark.parametrize("coding", [pytest.param("pretty", marks=pytest.mark.long), "compact", "binary"])
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


@pytest.mark.parametrize("coding", [pytest.param("pretty", marks=pytest.mark.long), "compact", "binary"])
def test_megaco_puts_our_segments_together(coding):
    """A megaco controller of version 3 gets all of a context in segments, and acknowledges each of them."""
    escript = need("escript", "erlang-base erlang-megaco")
    port = free_port()
    process = subprocess.Popen(
        [escript, str(PEER), coding, str(port)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
    try:
        first = process.stdout.readline()
        assert first == "listening\n", first + process.stdout.read()
        acknowledged = answered("127.0.0.1", port, coding, process)
        said = process.stdout.read().splitlines()
    finally:
        process.kill()
        process.wait(timeout=10)
        process.stdout.close()
    assert not [line for line in said if line.startswith("failed")], said
    numbers = list(range(1, len(acknowledged) + 1))
    assert f"segments [{','.join(map(str, numbers))}] terminations 90" in said and len(numbers) > 3, said
    assert sorted(acknowledged) == numbers


def answered(host, port, coding, process):
    """A gateway with 90 terminations until the controller has ended; which segments were acknowledged."""
    ours = free_port()
    gateway = Association(
        f"[{host}]:{ours}", [(host, port)], version=3, coding=coding, max_octets=700, profile="profilename/1")
    acknowledged = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind((host, ours))
        wire.settimeout(0.05)
        began = time.monotonic()
        waiting = gateway.start(0.0)
        while process.poll() is None and time.monotonic() - began < 30:
            now = time.monotonic() - began
            for event in waiting + gateway.wake(now):
                if isinstance(event, RequestReceived):
                    replies = gateway.reply(event.id, (m.ActionReply(7, many(90)),), now)
                    for one in replies:
                        wire.sendto(one.octets, (host, port))
                elif isinstance(event, Transmit):
                    wire.sendto(event.octets, (host, port))
            waiting = []
            try:
                data, source = wire.recvfrom(65_536)
            except TimeoutError:
                continue
            acknowledged += [one.segment for one in decode(data, coding).body if isinstance(one, m.Segment)]
            waiting = gateway.receive_data(data, source, time.monotonic() - began)
    return acknowledged
