"""Both ends of TLS sessions through a terminating proxy, in a process of its own: told and telling by lines of JSON.

The client's side is OpenSSL through pyOpenSSL, the core's side plain TCP; threads wait, so that this process does as
little beside TLS as it can. A first line says where the core's side listens. Then, for each job on standard input, one
line with the seconds that it took, and the processor seconds that went into it here.

    up      one session, octets from the client to the core
    down    one session, octets from the core to the client
    shake   one session for each access, `together` at a time; each is through when its first octet is at the core
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections import deque
from typing import Any

from OpenSSL import SSL

# The binding below pyOpenSSL, for what it has no method for.
_lib: Any = vars(SSL)["_lib"]
_BLOCK = bytes(range(256)) * 1024
_PATIENCE = 60.0
_VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}


def client_context(version: str, certificate: str) -> SSL.Context:
    """One version, AES-128-GCM only, X25519 first; the key and certificate of the file are presented."""
    made = SSL.Context(SSL.TLS_METHOD)
    made.set_min_proto_version(_VERSIONS[version])
    made.set_max_proto_version(_VERSIONS[version])
    made.set_cipher_list(b"ECDHE-ECDSA-AES128-GCM-SHA256")
    made.set_tls13_ciphersuites(b"TLS_AES_128_GCM_SHA256")
    _lib.SSL_CTX_set1_curves_list(vars(made)["_context"], b"X25519:P-256")  # P-256 for the certificate
    made.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    made.use_certificate_file(certificate)
    made.use_privatekey_file(certificate)
    return made


class Ends:
    """The two ends, and what is done with them."""

    def __init__(self, host: str, certificate: str) -> None:
        self._contexts = {version: client_context(version, certificate) for version in _VERSIONS}
        self._listener = socket.create_server((host, 0), backlog=4096)
        self.port = int(self._listener.getsockname()[1])

    def run(self, job: dict[str, Any]) -> float:
        """Seconds that this job took."""
        context = self._contexts[job["version"]]
        if job["what"] == "shake":
            return self._shake(context, job["accesses"], job["together"])
        client = _connect(context, job["accesses"][0])
        client.send(b".")
        far, _ = self._listener.accept()
        far.recv(1)
        ends = (client.send, far.recv) if job["what"] == "up" else (far.send, client.recv)
        began = time.perf_counter()
        _carry(*ends, job["octets"])
        taken = time.perf_counter() - began
        _over(client, far)
        return taken

    def _shake(self, context: SSL.Context, accesses: list[list[Any]], together: int) -> float:
        waiting = deque(accesses)
        made: list[SSL.Connection] = []

        def work() -> None:
            while waiting:
                try:
                    access = waiting.popleft()
                except IndexError:
                    return
                client = _connect(context, access)
                client.send(b".")
                made.append(client)

        began = time.perf_counter()
        threads = [threading.Thread(target=work) for _ in range(together)]
        for thread in threads:
            thread.start()
        fars = [self._listener.accept()[0] for _ in accesses]
        for far in fars:
            far.recv(1)
        taken = time.perf_counter() - began
        for thread in threads:
            thread.join()
        for client, far in zip(made, fars, strict=True):
            _over(client, far)
        return taken


def _connect(context: SSL.Context, access: list[Any]) -> SSL.Connection:
    made = socket.create_connection((access[0], access[1]), _PATIENCE)
    made.settimeout(None)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client = SSL.Connection(context, made)
    client.set_connect_state()
    client.do_handshake()
    return client


def _carry(send: Any, receive: Any, octets: int) -> None:
    """So many octets from one end to the other; returns when all have arrived."""
    def push() -> None:
        left = octets
        while left:
            left -= send(_BLOCK if left >= len(_BLOCK) else _BLOCK[:left])

    pusher = threading.Thread(target=push)
    pusher.start()
    come = 0
    while come < octets:
        got = receive(len(_BLOCK))
        if not got:
            raise SystemExit(f"the stream ended after {come} of {octets} octets")
        come += len(got)
    pusher.join()


def _over(client: SSL.Connection, far: socket.socket) -> None:
    try:
        client.shutdown()
        client.sock_shutdown(socket.SHUT_WR)
    except (SSL.Error, OSError):
        pass
    client.close()
    far.close()


def main() -> None:
    """Do what standard input says."""
    ends = Ends(sys.argv[1], sys.argv[2])
    print(json.dumps({"port": ends.port}), flush=True)
    for line in sys.stdin:
        used = time.process_time()
        taken = ends.run(json.loads(line))
        print(json.dumps({"seconds": taken, "processor": time.process_time() - used}), flush=True)


if __name__ == "__main__":
    main()
