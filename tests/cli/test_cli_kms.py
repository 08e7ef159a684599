"""`workbench kms` as a process: a ticket is asked for and resolved over HTTP with the clock of this host."""

from __future__ import annotations

import base64
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from edge_of_processes import until
from tickets_words import BY_CERTIFICATE, CONF, KS_NAF, initiator, responder, wanted

from workbench.lab import certificates
from workbench.net.sockets import free_port
from workbench.protocols.http import messages as http
from workbench.protocols.http import wire
from workbench.protocols.mikey.times import UNIX_EPOCH
from workbench.security.tickets import Granted, Keyed, Resolve

FILE = """
listen = "127.0.0.1:{port}"
certificate = "kms.pem"
certificate_key = "kms.key"
anchors = ["ca.pem"]
[users."oKGio6SlpqeoqaqrrK2urw==@bsf.ims.example"]
key = "{key}"
identities = ["sip:ue-a@ims.example"]
[users."mrfc-1"]
key = "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
identities = ["sip:conf-1@ims.example"]
certified = true
"""


def pem(folder: Path) -> None:
    """The KMS's certificate and key and whom it trusts, as files."""
    center = certificates.authority()
    (folder / "kms.pem").write_text(ssl.DER_cert_to_PEM_cert(center.certificate))
    (folder / "ca.pem").write_text(ssl.DER_cert_to_PEM_cert(center.anchors[0]))
    octets = base64.encodebytes(center.key).decode()
    (folder / "kms.key").write_text(f"-----BEGIN PRIVATE KEY-----\n{octets}-----END PRIVATE KEY-----\n")


def posted(port: int, body: bytes) -> bytes:
    """The body of the answer to a request."""
    inbox = wire.Inbox()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(wire.encode(http.post("/keymanagement", f"127.0.0.1:{port}", body)))
        while not (found := inbox.receive_data(data := connection.recv(4096))):
            assert data and inbox.error is None
    answer = found[0]
    assert isinstance(answer, http.Response) and answer.status == 200
    return answer.body


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as on POSIX here")
def test_a_kms_alone_grants_and_resolves(tmp_path: Path) -> None:
    """Both ends get one key of a ticket, by a pre-shared key and by a certificate; none is in what the process says.

    Ctrl-C ends it with exit status 0.
    """
    port = free_port(stream=True)
    pem(tmp_path)
    (tmp_path / "kms.toml").write_text(FILE.format(port=port, key=KS_NAF.hex()))
    words = [sys.executable, "-m", "workbench.cli", "kms", "--all", "--config", str(tmp_path / "kms.toml")]
    kms = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until(kms, f"127.0.0.1:{port}")
        now = time.time() + UNIX_EPOCH
        caller, called = initiator(), responder(shared=BY_CERTIFICATE["UE B"])
        asked = msgspec.structs.replace(wanted(), start=now - 60, end=now + 3600)
        assert isinstance(caller.receive_response(posted(port, caller.request(asked, now)), now), Granted)
        resolve = called.receive_offer(caller.transfer(CONF, now), now)
        assert isinstance(resolve, Resolve)
        there = called.receive_resolved(posted(port, resolve.octets), now)
        assert isinstance(there, Keyed)
        here = caller.receive_answer(there.answer, now)
        assert isinstance(here, Keyed) and here.tek == there.tek
        kms.send_signal(signal.SIGINT)
        said, complaints = kms.communicate(timeout=20)
        assert (kms.returncode, complaints) == (0, "")
        assert "a ticket for sip:conf-1@ims.example" in said and KS_NAF.hex() not in said
    finally:
        kms.kill()
        kms.communicate()
