"""Serves figures in Prometheus' text form over HTTP: on loopback, unless told otherwise, or on a Unix socket.

One request at a time, of bounded size and duration: whoever dawdles keeps others waiting for two seconds at most.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

from workbench.errors import NetworkError, SettingsError

_MOST_REQUEST = 4_096
_PATIENCE = 2.0
_LONGEST_ANSWER = 1.0


class Server:
    """Answers HTTP requests with figures, one after the other.

    Args:
        place: `PORT` or `HOST:PORT` for TCP (127.0.0.1 where no host is given), or the path of a Unix socket.
        ask: the figures in text form; None: the node is too busy.

    Raises:
        SettingsError: `place` is no such place.
        NetworkError: this host does not give it.
    """

    def __init__(self, place: str, ask: Callable[[float], str | None]) -> None:
        self._ask = ask
        self._path: Path | None = None
        self._socket = self._made(place)
        self._over = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._over = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(_PATIENCE)
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _made(self, place: str) -> socket.socket:
        found = re.fullmatch(r"(?:(?:\[([^\]]+)\]|([\d.]+)):)?(\d{1,5})", place)
        if found is None:
            if "/" not in place:
                raise SettingsError(f"--metrics {place}: neither PORT, ADDRESS:PORT nor a path with a /")
            return self._unix(Path(place))
        host, port = found[1] or found[2] or "127.0.0.1", int(found[3])
        if not 0 < port < 65_536:
            raise SettingsError(f"--metrics {place}: port {port}")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            return socket.create_server((host, port), family=family, backlog=8)
        except OSError as error:
            raise NetworkError(f"--metrics {place}: {os.strerror(error.errno or 0)}") from None

    def _unix(self, path: Path) -> socket.socket:
        if not hasattr(socket, "AF_UNIX"):
            raise SettingsError(f"--metrics {path}: this system has no Unix sockets; give a port")
        made = socket.socket(socket.AF_UNIX)
        try:
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISSOCK(path.stat().st_mode) and not _answers(path):
                    path.unlink()  # of a process that was killed
            made.bind(str(path))
            made.listen(8)
        except OSError as error:
            made.close()
            raise NetworkError(f"--metrics {path}: {error.strerror or error}") from None
        self._path = path
        return made

    def _run(self) -> None:
        while not self._over:
            try:
                taken, _ = self._socket.accept()
            except OSError:
                if not self._over:
                    time.sleep(_PATIENCE)  # no descriptor is left
                continue
            with taken, contextlib.suppress(OSError):
                self._answer(taken)

    def _answer(self, taken: socket.socket) -> None:
        until = time.monotonic() + _PATIENCE
        request = b""
        while b"\r\n\r\n" not in request and b"\n\n" not in request:
            taken.settimeout(max(until - time.monotonic(), 0.001))
            more = taken.recv(_MOST_REQUEST)
            request += more
            if not more or len(request) > _MOST_REQUEST:
                return
        taken.settimeout(_PATIENCE)
        taken.sendall(self._response(request))

    def _response(self, request: bytes) -> bytes:
        method, _, rest = request.partition(b" ")
        path = rest.split(b" ", 1)[0].partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            return _http("405 Method Not Allowed", "GET /metrics\n")
        if path not in (b"/metrics", b"/"):
            return _http("404 Not Found", "there is /metrics\n")
        body = self._ask(_LONGEST_ANSWER)
        if body is None:
            return _http("503 Service Unavailable", "the node is busy\n")
        return _http("200 OK", body, empty=method == b"HEAD")


def _http(status: str, body: str, *, empty: bool = False) -> bytes:
    octets = body.encode()
    head = (f"HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
            f"Content-Length: {len(octets)}\r\nConnection: close\r\n\r\n")
    return head.encode() + (b"" if empty else octets)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
