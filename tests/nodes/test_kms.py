"""The KMS as a node: MIKEY over HTTP in any portions, its answers, and what it makes of everything else."""

from __future__ import annotations

import ssl
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from play import play
from tickets_words import ASKED, BY_CERTIFICATE, SIGNED, initiator, kms, strong, wanted

from workbench.errors import SettingsError
from workbench.lab import certificates
from workbench.lab.settings import kms as settings
from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Endpoint,
    EndStream,
    Listen,
    RefuseStream,
    SendStream,
    Started,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamOffered,
)
from workbench.nodes.kms import KeyManagementService
from workbench.protocols.http import messages as http
from workbench.protocols.http import wire
from workbench.protocols.mikey import wire as mikey
from workbench.protocols.mikey.registry import DataType
from workbench.protocols.mikey.times import UNIX_EPOCH
from workbench.security.source import Source
from workbench.security.tickets import Granted

HERE = Endpoint("198.51.100.80", 80)
STREAM, SECOND = (Stream(HERE, Endpoint("203.0.113.10", port)) for port in (40_000, 40_001))


def started(most=1024):
    node = KeyManagementService("kms", address=HERE, kms=kms(), epoch=ASKED - UNIX_EPOCH, most=most)
    return (play(node).sees(Started()).does(Listen(HERE))
            .sees(StreamOffered(STREAM)).does(AcceptStream(STREAM)))


def posted(body, target="/keymanagement", content_type=http.MIKEY):
    return wire.encode(http.post(target, "kms.ims.example", body, content_type))


def said(status, data_type=None):
    """Whether a command sends this status, and this MIKEY message with it."""
    def right(sent):
        answer = wire.decode(sent.data) if isinstance(sent, SendStream) else None
        kind = mikey.decode(answer.body).header.data_type if answer is not None and answer.body else None
        return answer is not None and (answer.status, kind) == (status, data_type)
    return right


@pytest.mark.parametrize("cut", [1, 20, 130, 300])
def test_a_request_in_pieces_is_answered_with_a_ticket_that_its_sender_can_use(cut):
    """REQUEST_RESP in a 200; the connection stays until the client ends it."""
    caller = initiator()
    octets = posted(caller.request(wanted(), ASKED))
    answers = []
    (started().sees(StreamData(STREAM, octets[:cut])).does_nothing()
        .sees(StreamData(STREAM, octets[cut:])).does(
            lambda sent: said(200, DataType.REQUEST_RESP)(sent) and not answers.append(sent.data))
        .sees(StreamEnded(STREAM)).does(EndStream(STREAM))
        .sees(StreamClosed(STREAM)).does_nothing())
    assert isinstance(caller.receive_response(wire.decode(answers[-1]).body, ASKED), Granted)


def test_what_the_kms_refuses_is_answered_with_a_mikey_error():
    """With the refusal's number; a response is no request, and gets none."""
    request = bytearray(initiator().request(wanted(), ASKED))
    request[-1] ^= 1
    error = wire.encode(http.answer(200, "OK"))
    (started().sees(StreamData(STREAM, posted(bytes(request))))
        .does(said(200, DataType.ERROR))
        .sees(StreamData(STREAM, error)).does_nothing())


@pytest.mark.parametrize(("octets", "status"), [
    (posted(b"", target="/other"), 404), (posted(b"", content_type="text/plain"), 415),
    (wire.encode(http.Request(method="GET", target="/keymanagement")), 405)])
def test_what_is_no_key_management_is_answered_with_its_status(octets, status):
    """RFC 9110 §15.5."""
    started().sees(StreamData(STREAM, octets)).does(said(status))


def test_what_is_no_http_ends_the_connection():
    """And nothing that comes behind it is looked at."""
    (started().sees(StreamData(STREAM, b"\x16\x03\x01\r\n\r\n")).does(lambda told: isinstance(told, AbortStream))
        .sees(StreamData(STREAM, posted(b""))).does_nothing())


def test_connections_are_bounded():
    """One more is refused."""
    started(most=1).sees(StreamOffered(SECOND)).does(lambda told: isinstance(told, RefuseStream))


FILE = """
listen = "127.0.0.50:8080"
[users."mrfc-1"]
key = "{key}"
identities = ["sip:conf-1@ims.example"]
ticket_key = "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c"
"""


def test_a_settings_file_makes_a_kms(tmp_path: Path) -> None:
    """With its endpoint; keys show nowhere."""
    path = tmp_path / "kms.toml"
    path.write_text(FILE.format(key="b0" * 16))
    node = settings.kms(path, Source(1, "kms"), 0.0)
    assert node.handle(Started(), 0.0) == [Listen(Endpoint("127.0.0.50", 8080))]
    assert settings.plan(path).wires == {"127.0.0.50:8080": "KMS"}


def pem(folder: Path) -> None:
    """Certificates and keys of the lab as files: the KMS's, UE A's with its issuer's, and the root's."""
    center, ue_a = certificates.authority(), BY_CERTIFICATE["UE A"].chain
    for name, octets in (("kms.pem", [center.certificate]), ("ca.pem", center.anchors), ("ue-a.pem", ue_a)):
        (folder / name).write_text("".join(ssl.DER_cert_to_PEM_cert(one) for one in octets))
    for name, whose in (("kms.key", "KMS"), ("ue-a.key", "UE A")):
        form = serialization
        (folder / name).write_bytes(certificates.key_of(whose).private_bytes(
            form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()))


CERTIFIED = """
certificate = "kms.pem"
certificate_key = "kms.key"
anchors = ["ca.pem"]
[users.a]
certificate = "ue-a.pem"
identities = ["sip:ue-a@ims.example"]
[users.conf]
certified = true
identities = ["sip:conf-1@ims.example"]
"""


@pytest.mark.parametrize("chain", [True, False])
def test_a_settings_file_makes_a_kms_that_takes_certificates(tmp_path: Path, chain: bool) -> None:
    """UE A's is stored, so it may leave it out; no key shows."""
    pem(tmp_path)
    (tmp_path / "kms.toml").write_text(CERTIFIED)
    node = settings.kms(tmp_path / "kms.toml", Source(1, "kms"), SIGNED - UNIX_EPOCH)
    how = BY_CERTIFICATE["UE A"] if chain else msgspec.structs.replace(BY_CERTIFICATE["UE A"], chain=())
    caller = initiator(shared=how)
    stream = Stream(Endpoint("127.0.0.50", 8080), Endpoint("127.0.0.1", 40_000))
    node.handle(StreamOffered(stream), 0.0)
    (sent,) = node.handle(StreamData(stream, posted(caller.request(strong(), SIGNED))), 0.0)
    assert isinstance(sent, SendStream)
    assert isinstance(caller.receive_response(wire.decode(sent.data).body, SIGNED), Granted)


@pytest.mark.parametrize(("old", "new", "what"), [
    ('certificate = "kms.pem"\n', "", "certificate: has to be set for users who ask by certificate"),
    ('certificate_key = "kms.key"\n', "", "certificate_key: has to be set for users who ask by certificate"),
    ('anchors = ["ca.pem"]', "", "anchors: has to name who certifies users"),
    ('"ca.pem"', '"none.pem"', r"line 4: anchors: none.pem: No such file"),
    ('"ca.pem"', '"kms.key"', r"line 4: anchors: kms.key has no certificate in PEM that decodes"),
    ('"kms.key"', '"ue-a.key"', "line 3: certificate_key: ue-a.key is not the RSA key of kms.pem"),
    ('"kms.key"', '"kms.pem"', "line 3: certificate_key: kms.pem is no private key in PEM"),
    ("certified = true", "", "line 8: users: 'conf' has no key, and may not ask by certificate"),
    ('"ue-a.pem"', '"ca.key"', "line 6: certificate: ca.key: No such file")])
def test_what_is_wrong_with_certificates_of_a_settings_file_is_said_with_its_line(
    tmp_path: Path, old: str, new: str, what: str) -> None:
    """Missing, unreadable, of another key; a person is told where and what."""
    pem(tmp_path)
    (tmp_path / "kms.toml").write_text(CERTIFIED.replace(old, new))
    with pytest.raises(SettingsError, match=what):
        settings.kms(tmp_path / "kms.toml", Source(1, "kms"), 0.0)


def test_a_certificate_without_its_key_is_not_taken_for_none(tmp_path: Path) -> None:
    """Also where nobody asks by certificate yet."""
    (tmp_path / "kms.toml").write_text('certificate = "kms.pem"\n' + FILE.format(key="b0" * 16))
    with pytest.raises(SettingsError, match="certificate_key: has to be set too"):
        settings.kms(tmp_path / "kms.toml", Source(1, "kms"), 0.0)


@pytest.mark.parametrize(("key", "what"), [("nothex" * 6, "not hexadecimal"), ("b0", "1 octets")])
def test_a_key_that_is_none_is_named_and_not_quoted(tmp_path: Path, key: str, what: str) -> None:
    """With file and line."""
    path = tmp_path / "kms.toml"
    path.write_text(FILE.format(key=key))
    with pytest.raises(SettingsError, match=what) as error:
        settings.kms(path, Source(1, "kms"), 0.0)
    assert key not in str(error.value).replace("1 octets", "") and "line 4" in str(error.value)
