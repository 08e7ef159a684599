"""tshark as a second opinion on MIKEY: payloads of RFC 3830 that we write, on UDP and in a=key-mgmt.

Of RFC 6043 it knows the header and IDR; TR, RANDR, TP and TICKET are payloads without a name to it. It reads the first
key of a KEMAC only, takes the length of CERT one octet too early, and looks into a=key-mgmt at session level only.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from capturing import A, B, sdp, sip, udp, write
from mikey_words import PUBLIC, RUN, stored
from programs import need

from workbench.net.values import Endpoint
from workbench.protocols.mikey import messages as m
from workbench.protocols.mikey import wire

PORT = 2269     # of MIKEY (RFC 3830, IANA)
SESSIONS = (m.SrtpSession(1, 0xCAFE0001, 7), m.SrtpSession(1, 0xCAFE0002, 8))
HEAD = m.Header(0, 0x12345678, 0, True, SESSIONS, 0, 2)
KEYS = (m.KeyData(0, b"\x47" * 16, None, m.Spi(b"\x01\x02")), m.KeyData(3, b"\x48" * 16, b"\x49" * 14),
        m.KeyData(2, b"\x50" * 16, None, m.Interval(b"\x01", b"\x02\x03")))
SENT: dict[str, tuple[m.Payload, ...]] = {
    "shared key": (m.Timestamp(0, 0xD7359440 << 32), m.Rand(b"\xa1" * 16), m.Identity(1, b"sip:ue-a@ims.example"),
                   m.Policy(1, 0, ((0, b"\x01"), (1, b"\x10"), (11, b"\x0a"))),
                   m.Kemac(0, wire.encode_keys(KEYS), 1, b"\x77" * 20)),
    "public key": (m.Timestamp(0, 0xD7359440 << 32), m.Rand(b"\xa1" * 16), m.Identity(0, b"ue-a@ims.example"),
                   m.Kemac(1, b"\x66" * 44, 1, b"\x77" * 20), m.Envelope(b"\x55" * 128, 1), m.Sign(0, b"\x44" * 128)),
    "verified": (m.Timestamp(0, 0xD7359441 << 32), m.Identity(1, b"sip:b@ims.example"),
                 m.Verification(1, b"\x33" * 20)),
    "refused": (m.Timestamp(0, 0xD7359441 << 32), m.Failure(7)),
}


def fields(tmp_path: Path, octets: bytes, *names: str) -> dict[str, list[str]]:
    """What tshark says of one message on UDP."""
    path = write(tmp_path / "a.pcapng", [udp(0.0, Endpoint(A.host, PORT), Endpoint(B.host, PORT), octets)])
    return read(path, *names)


def read(path: Path, *names: str) -> dict[str, list[str]]:
    asked = [part for name in names for part in ("-e", name)]
    done = subprocess.run([need("tshark"), "-n", "-r", str(path), "-T", "fields", "-E", "aggregator=;", *asked],
                          capture_output=True, text=True, check=True, timeout=120)
    row = done.stdout.splitlines()[0].split("\t")
    return {name: value.split(";") if value else [] for name, value in zip(names, row, strict=False)}


@pytest.mark.parametrize("name", list(SENT))
def test_tshark_reads_the_header_as_we_wrote_it(tmp_path: Path, name: str):
    """Version, kind, V, PRF, CSB ID, and the SRTP-ID map; nothing is malformed."""
    octets = wire.encode(m.Message(HEAD, SENT[name]))
    said = fields(tmp_path, octets, "mikey.version", "mikey.type", "mikey.prf_func", "mikey.csb_id", "mikey.cs_count",
                  "mikey.srtp_id.ssrc", "mikey.srtp_id.roc", "_ws.malformed")
    assert said["mikey.version"] == ["1"] and said["mikey.type"] == ["0"] and said["mikey.prf_func"] == ["0"]
    assert [int(one, 0) for one in said["mikey.csb_id"]] == [HEAD.csb_id] and said["mikey.cs_count"] == ["2"]
    assert [int(one, 0) for one in said["mikey.srtp_id.ssrc"]] == [one.ssrc for one in SESSIONS]
    assert [int(one, 0) for one in said["mikey.srtp_id.roc"]] == [7, 8]
    assert said["_ws.malformed"] == []


def test_tshark_reads_identity_random_octets_and_policy(tmp_path: Path):
    """ID, RAND, SP with its parameters, and the MAC of KEMAC."""
    said = fields(tmp_path, wire.encode(m.Message(HEAD, SENT["shared key"])), "mikey.id.data", "mikey.rand.data",
                  "mikey.sp.param.type", "mikey.kemac.encr_alg", "mikey.kemac.mac")
    assert said["mikey.id.data"] == ["sip:ue-a@ims.example"] and said["mikey.rand.data"] == ["a1" * 16]
    assert said["mikey.sp.param.type"] == ["0", "1", "11"]
    assert said["mikey.kemac.encr_alg"] == ["0"] and said["mikey.kemac.mac"] == ["77" * 20]


@pytest.mark.parametrize("key", KEYS, ids=["SPI", "salt", "interval"])
def test_tshark_reads_a_key_with_salt_and_validity(tmp_path: Path, key: m.KeyData):
    """Key data with each kind of validity, and one with a salt."""
    kemac = m.Kemac(0, wire.encode_keys([key]), 1, b"\x77" * 20)
    said = fields(tmp_path, wire.encode(m.Message(HEAD, (m.Timestamp(0, 1 << 63), kemac))), "mikey.key.data",
                  "mikey.key.type", "mikey.key.salt", "mikey.key.kv.from", "mikey.key.kv.to")
    assert said["mikey.key.data"] == [key.key.hex()] and said["mikey.key.type"] == [str(key.kind)]
    assert said["mikey.key.salt"] == ([key.salt.hex()] if key.salt else [])
    if isinstance(key.validity, m.Interval):
        assert said["mikey.key.kv.from"] == ["01"] and said["mikey.key.kv.to"] == ["0203"]


def test_tshark_reads_the_list_against_bidding_down(tmp_path: Path):
    """SDP IDs as text, behind whatever stands before."""
    chain = (m.Timestamp(0, 1 << 63), m.sdp_ids(["keyp1", "mikey"]), m.Verification(1, b"\x33" * 20))
    octets = wire.encode(m.Message(HEAD, chain))
    said = fields(tmp_path, octets, "mikey.ext.type", "mikey.ext.value", "mikey.v.ver_data")
    assert said["mikey.ext.type"] == ["1"] and said["mikey.v.ver_data"] == ["33" * 20]
    assert ";".join(said["mikey.ext.value"]) == "keyp1;mikey"


def test_tshark_reads_envelope_and_signature(tmp_path: Path):
    """With the lengths that share their octets with other bits."""
    said = fields(tmp_path, wire.encode(m.Message(HEAD, SENT["public key"])), "mikey.pke.len", "mikey.pke.data",
                  "mikey.sign.len", "mikey.sign.data", "mikey.kemac.key_data")
    assert said["mikey.pke.len"] == ["128"] and said["mikey.pke.data"] == ["55" * 128]
    assert said["mikey.sign.len"] == ["128"] and said["mikey.sign.data"] == ["44" * 128]
    assert said["mikey.kemac.key_data"] == ["66" * 44]


def test_tshark_reads_verification_and_error(tmp_path: Path):
    """V and ERR."""
    said = fields(tmp_path, wire.encode(m.Message(HEAD, SENT["verified"])), "mikey.v.auth_alg", "mikey.v.ver_data")
    assert said["mikey.v.auth_alg"] == ["1"] and said["mikey.v.ver_data"] == ["33" * 20]
    assert fields(tmp_path, wire.encode(m.Message(HEAD, SENT["refused"])), "mikey.err.no")["mikey.err.no"] == ["7"]


def test_tshark_finds_the_message_behind_the_base64_of_sdp(tmp_path: Path):
    """a=key-mgmt in an INVITE: the same CSB ID and identity."""
    text = wire.encode_base64(wire.encode(m.Message(HEAD, SENT["shared key"])))
    said_there = sdp(A.host, A.port, "TCP/TLS/MSRP", "setup:active").replace("m=", f"a=key-mgmt:mikey {text}\r\nm=")
    invite = sip("INVITE sip:b@home2.example SIP/2.0", "c1", "INVITE", said_there)
    path = write(tmp_path / "a.pcapng", [udp(0.0, Endpoint(A.host, 5060), Endpoint(B.host, 5060), invite)])
    said = read(path, "mikey.csb_id", "mikey.id.data")
    assert [int(one, 0) for one in said["mikey.csb_id"]] == [HEAD.csb_id]
    assert said["mikey.id.data"] == ["sip:ue-a@ims.example"]


@pytest.mark.parametrize("name", [*RUN, *PUBLIC])
def test_tshark_reads_version_and_csb_id_of_ticket_messages(tmp_path: Path, name: str):
    """Of a whole run: what it knows it reads as we do."""
    said = fields(tmp_path, stored(name), "mikey.version", "mikey.type", "mikey.csb_id")
    head = wire.decode(stored(name)).header
    assert said["mikey.version"] == ["1"] and said["mikey.type"] == [str(int(head.data_type))]
    assert [int(one, 0) for one in said["mikey.csb_id"]] == [head.csb_id]
