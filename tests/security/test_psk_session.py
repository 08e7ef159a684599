from __future__ import annotations

import gc
import weakref
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psk_pair import STRANGE, TEK, WRONG, shaken
from tls_pair import AGW, UE, VERSIONS, Pair, client, server

from workbench.errors import LocalProtocolError
from workbench.security import openssl, openssl_psk, psk
from workbench.security.events import Data, Established, Failed, KeyLine, PeerClosed, Transmit, Verified
from workbench.security.psk import KeyRing, PreSharedKey, PskSession
from workbench.security.session import State

SUITES = [
    "PSK-AES128-GCM-SHA256", "PSK-AES128-CBC-SHA256", "PSK-AES128-CBC-SHA", "PSK-AES256-GCM-SHA384",
    "PSK-AES256-CBC-SHA", "PSK-AES256-CBC-SHA384", "PSK-CHACHA20-POLY1305", "ECDHE-PSK-AES128-CBC-SHA256",
    "ECDHE-PSK-AES128-CBC-SHA", "ECDHE-PSK-AES256-CBC-SHA384", "ECDHE-PSK-CHACHA20-POLY1305",
    "DHE-PSK-AES128-GCM-SHA256", "DHE-PSK-AES128-CBC-SHA", "DHE-PSK-AES256-GCM-SHA384",
]  # fmt: skip


def last_failure(pair, who):
    failed = pair.heard[who][-1]
    assert isinstance(failed, Failed)
    assert Data not in pair.kinds(who)
    return failed


@pytest.mark.parametrize("version", VERSIONS)
def test_payload_passes_both_ways_and_closes_in_order(version):
    """Both ends prove the key, say its name and no certificate, exchange payload, and end with close_notify."""
    pair = shaken(version=version)
    for who in (pair.client, pair.server):
        assert pair.kinds(who) == [Established, Verified]
        established = pair.heard[who][0]
        assert (established.version, established.psk_identity, established.peer_certificate) == (
            version, TEK.identity, b"")
    pair.does(pair.client, pair.client.send(b"x" * 100_000)).does(pair.server, pair.server.send(b"hi"))
    assert b"".join(e.octets for e in pair.heard[pair.server] if isinstance(e, Data)) == b"x" * 100_000
    pair.does(pair.client, pair.client.close()).does(pair.server, pair.server.close())
    assert pair.heard[pair.server][-1] == pair.heard[pair.client][-1] == PeerClosed()
    assert (pair.client.state, pair.server.state) == (State.CLOSED, State.CLOSED)


@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_of_rfc_4279_and_5487_that_is_named_carries_payload(suite):
    """The suite that is named is the one that is agreed, and payload passes in it both ways."""
    pair = shaken(suites=suite)
    assert pair.heard[pair.server][0].suite == suite
    pair.does(pair.client, pair.client.send(b"ping")).does(pair.server, pair.server.send(b"pong"))
    assert (pair.heard[pair.server][-1], pair.heard[pair.client][-1]) == (Data(b"ping"), Data(b"pong"))


def test_plain_psk_with_aes_128_gcm_comes_first():
    """Two ends that name no suites agree on 00A8, and on 008C with a peer that knows RFC 4279 alone."""
    pair = shaken()
    assert pair.heard[pair.client][0].suite == "PSK-AES128-GCM-SHA256"
    pair = Pair(PskSession(TEK, True, suites="PSK-AES128-CBC-SHA"), PskSession(TEK, False)).shaken()
    assert pair.heard[pair.client][0].suite == "PSK-AES128-CBC-SHA"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_identity_that_the_server_does_not_know_gets_unknown_psk_identity(version):
    """S17: alert 115 in clear, and the server says which identity it was (RFC 4279 §2, RFC 8446 §6.2)."""
    pair = shaken(offered=STRANGE, version=version)
    failed = last_failure(pair, pair.server)
    assert (failed.alert, failed.ours) == (115, True)
    assert "ticket-cs-2" in failed.reason
    assert pair.server.unknown_identity == b"ticket-cs-2"
    assert pair.octets[pair.server][-7:].hex() == "15030300020273"
    assert last_failure(pair, pair.client) == Failed("the peer sent the fatal alert unknown_psk_identity", 115, False)


@pytest.mark.parametrize(("version", "alert"), [("1.2", 20), ("1.3", 51)])
def test_a_key_of_wrong_value_ends_the_handshake(version, alert):
    """S18: bad_record_mac for the client's Finished in TLS 1.2, decrypt_error for its binder in TLS 1.3; no data."""
    pair = shaken(offered=WRONG, version=version)
    assert (last_failure(pair, pair.server).alert, pair.heard[pair.server][-1].ours) == (alert, True)
    assert (last_failure(pair, pair.client).alert, pair.heard[pair.client][-1].ours) == (alert, False)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_knows_each_of_many_identities(version):
    """Sessions of one server share a ring: each client is known by its own key, one that is taken away no more."""
    keys = [PreSharedKey(f"user-{number}".encode(), bytes([number]) * 16) for number in range(1, 200)]
    ring = KeyRing(keys)
    for key in (keys[0], keys[77], keys[-1]):
        pair = shaken(key, ring, version)
        assert pair.heard[pair.server][0].psk_identity == key.identity
    ring.remove(keys[77].identity)
    pair = shaken(keys[77], ring, version)
    assert last_failure(pair, pair.server).alert == 115


def test_a_hint_reaches_the_client():
    """ServerKeyExchange carries the hint (RFC 4279 §5.2); without one there is no such message."""
    pair = Pair(PskSession(TEK, True), PskSession(TEK, False, hint=b"mrfp")).shaken()
    assert pair.client.hint == b"mrfp"
    assert bytes.fromhex("0c00000600046d726670") in pair.octets[pair.server]
    assert shaken().client.hint == b""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_without_its_key_says_nothing_until_it_has_it(version):
    """X13: no octet leaves before the key; with it the handshake runs to its end."""
    pair = Pair(PskSession(None, True, versions=[version]), PskSession(TEK, False, versions=[version])).shaken()
    assert pair.client.waits_for_key
    assert pair.octets[pair.client] == b""
    pair.does(pair.client, pair.client.provide(TEK))
    assert pair.kinds(pair.client) == pair.kinds(pair.server) == [Established, Verified]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_without_its_key_lets_the_client_wait(version):
    """X13: the ClientHello, in any portions, is answered once there is a key."""
    pair = Pair(PskSession(TEK, True, versions=[version]), PskSession(None, False, versions=[version]))
    pair.server.start()
    for portion in (hello := pair.client.start()[0].octets)[:70], hello[70:]:
        assert pair.server.receive_data(portion) == []
    assert pair.server.waits_for_key
    pair.does(pair.server, pair.server.provide(KeyRing((TEK,))))
    assert pair.kinds(pair.client) == pair.kinds(pair.server) == [Established, Verified]


def test_what_waits_for_a_key_is_limited():
    """A stranger can't fill a server that has no key yet: the session ends, and takes nothing more."""
    waiting = PskSession(None, False, max_waiting=1000)
    waiting.start()
    assert waiting.receive_data(bytes(1000)) == []
    (failed,) = waiting.receive_data(b"x")
    assert isinstance(failed, Failed)
    assert "1000 octets" in failed.reason
    assert waiting.receive_data(b"x") == waiting.provide(TEK) == []


def test_a_connection_that_ends_while_the_key_is_awaited_is_a_failure():
    """The end of the transport is told, and a key that comes then changes nothing."""
    waiting = PskSession(None, True)
    waiting.start()
    (failed,) = waiting.transport_ended()
    assert "during the handshake" in failed.reason
    assert waiting.provide(TEK) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_an_end_with_certificates_and_one_with_a_key_do_not_meet(version):
    """A handshake that would do without the key does not complete, whoever of both has it."""
    for pair in (Pair(PskSession(TEK, True, versions=[version]), server()),
                 Pair(client(version), PskSession(TEK, False, versions=[version]))):
        pair.shaken()
        for who in (pair.client, pair.server):
            assert last_failure(pair, who).alert is not None
            assert Verified not in pair.kinds(who)


def test_a_client_of_tls_1_3_refuses_the_certificate_of_a_server_without_its_key():
    """The server falls back to its certificate (RFC 8446 §2.2): the client says bad_certificate, and why."""
    pair = Pair(PskSession(TEK, True, versions=["1.3"]), server(announced=[UE.fingerprint()])).shaken()
    failed = last_failure(pair, pair.client)
    assert (failed.alert, failed.ours) == (42, True)
    assert "pre-shared key is expected" in failed.reason


@pytest.mark.parametrize(("version", "labels"), [("1.2", ["CLIENT_RANDOM"]), ("1.3", [
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0", "EXPORTER_SECRET",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"])])
def test_key_log_lines_are_those_of_sessions_with_certificates(version, labels):
    """Both ends report the same secrets, each once; the pre-shared key is in none of them."""
    pair = shaken(version=version, log_keys=True)
    lines = [sorted(e.line for e in pair.heard[who] if isinstance(e, KeyLine)) for who in (pair.client, pair.server)]
    assert lines[0] == lines[1]
    assert [line.split(" ")[0] for line in lines[0]] == labels
    assert TEK.key.hex() not in "".join(lines[0])


def test_a_key_shows_in_no_text_of_its_value_ring_or_session():
    """The identity may be read, the key may not."""
    pair = shaken()
    shown = f"{TEK!r} {TEK} {KeyRing((TEK,))!r} {pair.client!r} {pair.heard} {[*KeyRing((TEK,))]}"
    assert "ticket-cs-1" in shown
    for form in (TEK.key.hex(), repr(TEK.key)[2:-1]):
        assert form not in shown


@pytest.mark.parametrize(("identity", "key"), [
    (b"", b"k"), (b"i" * 257, b"k"), (b"a\0b", b"k"), (b"i", b""), (b"i", b"k" * 513)])
def test_a_key_that_the_library_has_no_room_for_is_refused_at_once(identity, key):
    """An error for people at the place where the value is made, not a handshake that fails later."""
    with pytest.raises(LocalProtocolError, match="a PSK identity has" if len(key) == 1 else "a pre-shared key has"):
        PreSharedKey(identity, key)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("identity", "key"), [(128, 64), (256, 512), (1, 1)])
def test_identities_and_keys_may_be_as_long_as_rfc_4279_asks_and_longer(version, identity, key):
    """128 octets of identity and 64 of key have to be possible (RFC 4279 §5.3); the library's limits are, too."""
    pair = shaken(*[PreSharedKey(b"i" * identity, b"k" * key)] * 2, version=version)
    assert pair.kinds(pair.server) == [Established, Verified]


def test_a_ring_is_bounded(monkeypatch):
    """One key too many is refused; one that takes the place of another is none too many."""
    monkeypatch.setattr(psk, "MOST_KEYS", 2)
    ring = KeyRing((TEK, STRANGE))
    ring.add(WRONG)
    assert ring.find(TEK.identity) == WRONG
    with pytest.raises(LocalProtocolError, match="more than 2"):
        ring.add(PreSharedKey(b"third", b"k"))


def test_nothing_is_left_of_sessions_that_are_gone():
    """Contexts are few whatever keys there are, and a session that nobody holds is gone from the library's side."""
    gone = []
    openssl_psk.context.cache_clear()
    for number in range(40):
        key = PreSharedKey(f"user-{number}".encode(), bytes([number + 1]) * 16)
        pair = shaken(key, key)
        gone += [weakref.ref(pair.client), weakref.ref(pair.server)]
    del pair
    gc.collect()
    assert not any(one() for one in gone)
    assert openssl_psk.context.cache_info().currsize == 2  # clients' and servers'
    assert not any(isinstance(owner, PskSession) for owner in openssl._owners.values())


def test_fingerprints_change_nothing():
    """The key alone decides: what SDP says of certificates is for sessions that have them."""
    pair = shaken()
    assert pair.client.announce([AGW.fingerprint()]) == []
    assert pair.client.state is State.UP


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_garbage_never_escapes(data):
    """Whatever comes, also while a key is awaited, a session answers with events and raises nothing."""
    for session in (PskSession(TEK, True), PskSession(TEK, False, versions=["1.3"]), PskSession(None, False)):
        session.start()
        session.receive_data(data)
        session.receive_data(data)
        session.provide(TEK)
        session.transport_ended()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2000), st.integers(1, 255), st.sampled_from(VERSIONS), st.booleans())
def test_a_changed_octet_never_yields_payload(at, flip, version, to_server):
    """One changed octet on the way: the end that reads it fails or waits; it raises nothing and hands nothing up."""
    ends = PskSession(TEK, True, versions=[version]), PskSession(TEK, False, versions=[version])
    ends[1].start()
    count = 0
    queue = [(1, event) for event in ends[0].start()]
    while queue:
        reader, event = queue.pop(0)
        if not isinstance(event, Transmit):
            assert not isinstance(event, Data)
            continue
        octets = bytearray(event.octets)
        if bool(reader) == to_server:
            if count <= at < count + len(octets):
                octets[at - count] ^= flip
            count += len(octets)
        queue += [(1 - reader, answer) for answer in ends[reader].receive_data(bytes(octets))]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 700), max_size=12), st.sampled_from(VERSIONS))
def test_portions_do_not_matter_while_a_key_is_awaited(cuts, version):
    """However the ClientHello comes in pieces before the key, the answer is the same in kind."""
    client = PskSession(TEK, True, versions=[version])
    server = PskSession(None, False, versions=[version])
    server.start()
    (hello,) = client.start()
    edges = sorted({0, *(cut for cut in cuts if cut < len(hello.octets)), len(hello.octets)})
    for start, end in pairwise(edges):
        assert server.receive_data(hello.octets[start:end]) == []
    assert [type(event) for event in server.provide(TEK)][-1] is Transmit
