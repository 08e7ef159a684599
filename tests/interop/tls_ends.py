"""Ends of TLS that nobody here wrote: OpenSSL's and GnuTLS's clients and servers, with certificates of their own."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
from pathlib import Path

import msgspec
from interop.children import Child, Children
from programs import need

from workbench.net.sockets import free_port

_GNUTLS = {"1.2": "NORMAL:-VERS-ALL:+VERS-TLS1.2", "1.3": "NORMAL:-VERS-ALL:+VERS-TLS1.3"}


class Identity(msgspec.Struct, frozen=True):
    """A certificate and its key, as files.

    Args:
        fingerprint: value of a=fingerprint, as OpenSSL computes it.
    """

    certificate: Path
    key: Path
    fingerprint: str


def identity(folder: Path, name: str) -> Identity:
    """A certificate that signs itself, made by OpenSSL."""
    openssl = need("openssl")
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    _run(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
         "-subj", f"/CN={name}", "-keyout", key, "-out", certificate)
    said = _run(openssl, "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256")
    found = re.search(r"Fingerprint=([0-9A-F:]+)", said)
    assert found is not None, said
    return Identity(certificate, key, f"SHA-256 {found[1]}")


def _run(*words: object) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def openssl_client(programs: Children, port: int, own: Identity, version: str) -> Child:
    """OpenSSL as client: its standard input and output are the payload, and it ends where its input ends."""
    return programs.start(
        need("openssl"), "s_client", "-connect", f"{programs.address}:{port}", "-cert", own.certificate,
        "-key", own.key, f"-tls{version.replace('.', '_')}", "-quiet", "-no_ign_eof", "-nocommands")


def gnutls_client(programs: Children, port: int, own: Identity, version: str) -> Child:
    """GnuTLS as client; what it has to say for people goes into a file."""
    return programs.start(
        need("gnutls-cli", "gnutls-bin"), "--x509certfile", own.certificate, "--x509keyfile", own.key, "--insecure",
        "--priority", _GNUTLS[version], "--logfile", programs.folder / "gnutls.log", "--port", port, programs.address)


CLIENTS = {"openssl": openssl_client, "gnutls": gnutls_client}


def listener(programs: Children, port: int) -> Child:
    """A plain socat that waits for one connection; its standard input and output are the payload."""
    child = programs.start(
        need("socat"), "-d", "-d", "-t", "30", "STDIO", f"TCP4-LISTEN:{port},bind={programs.address},reuseaddr")
    child.says("listening on")
    return child


def ended(behind: Child) -> None:
    """Wait until socat's peer has ended its half in order, and end the other half."""
    behind.says("socket 2 .* is at EOF")
    behind.end_input()
    assert behind.ended() == 0, behind.errors


def connector(programs: Children, port: int) -> Child:
    """A plain socat that connects; its standard input and output are the payload."""
    return programs.start(need("socat"), "-d", "-d", "-t", "30", "STDIO", f"TCP4:{programs.address}:{port}")


def openssl_server(programs: Children, port: int, own: Identity, version: str) -> Child:
    """OpenSSL as server for one connection, which demands a certificate of its client and shows it."""
    child = programs.start(
        need("openssl"), "s_server", "-accept", f"{programs.address}:{port}", "-cert", own.certificate, "-key",
        own.key, f"-tls{version.replace('.', '_')}", "-Verify", "1", "-naccept", "1")
    child.says("^ACCEPT")
    return child


def openssl_speaks(programs: Children, own: Identity) -> tuple[int, Child]:
    """OpenSSL as server for one connection, whose payload is its standard input and output; its port, and itself."""
    port = free_port(stream=True)
    child = programs.start(
        need("openssl"), "s_server", "-accept", f"{programs.address}:{port}", "-cert", own.certificate, "-key",
        own.key, "-naccept", "1", "-quiet")
    child.accepts(programs.address, port)
    return port, child


def server_saw(server: Child) -> str:
    """SHA-256 of the client certificate that OpenSSL's server has shown."""
    pem = server.says("(?s)-+BEGIN CERTIFICATE-+\n(.*?)-+END CERTIFICATE-+")[1]
    digest = hashlib.sha256(base64.b64decode(pem)).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, 64, 2))


def gnutls_echo(programs: Children, own: Identity) -> tuple[Child, int]:
    """GnuTLS as a server that demands a certificate and gives back what it hears; and its port, at every address."""
    port = free_port(stream=True)
    child = programs.start(
        need("gnutls-serv", "gnutls-bin"), "--echo", "--require-client-cert", "--x509certfile", own.certificate,
        "--x509keyfile", own.key, "--port", port)
    child.says("Echo Server listening")
    return child, port
