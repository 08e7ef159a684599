"""What errors of the socket interface mean, in the numbers of this system and of Winsock."""

from __future__ import annotations

import errno

from workbench.errors import NetworkError
from workbench.net.values import Endpoint, Failure


def numbers(*names: str) -> frozenset[int]:
    """These errors, in the numbers of this system and of Winsock."""
    every = (getattr(errno, prefix + name, None) for name in names for prefix in ("E", "WSAE"))
    return frozenset(number for number in every if number is not None)


WOULD_BLOCK = numbers("AGAIN", "WOULDBLOCK", "INPROGRESS", "INTR")
# A connection that ended while it waited to be accepted.
FAILED_WAITING = numbers("CONNABORTED", "CONNRESET", "PROTO")
FULL = WOULD_BLOCK | numbers("NOBUFS")
_FAILURES = (
    (numbers("CONNREFUSED"), Failure.REFUSED),
    (numbers("CONNRESET", "CONNABORTED", "PIPE"), Failure.RESET),
    (numbers("TIMEDOUT"), Failure.TIMED_OUT),
    (numbers("ADDRINUSE", "ADDRNOTAVAIL", "ISCONN", "ALREADY"), Failure.IN_USE),
    (numbers("NETUNREACH", "HOSTUNREACH", "NETDOWN", "HOSTDOWN", "ACCES", "PERM"), Failure.UNREACHABLE),
)


def failure(number: int, *, opening: bool) -> Failure:
    """Why a stream failed."""
    for errors, found in _FAILURES:
        if number in errors:
            return Failure.REFUSED if opening and found is Failure.RESET else found
    return Failure.UNREACHABLE if opening else Failure.RESET


def refused(local: Endpoint, protocol: str, error: Exception) -> NetworkError:
    """Why an endpoint can't be had, for people."""
    number = getattr(error, "errno", None)
    where = f"{protocol} {local}"
    if number in numbers("ADDRINUSE"):
        return NetworkError(f"{where} is in use by another program")
    if number in numbers("ADDRNOTAVAIL"):
        return NetworkError(f"{local.host} is not an address of this host ({where})")
    if number in numbers("ACCES", "PERM"):
        needs = ": ports below 1024 need privileges" if local.port < 1024 else ""
        return NetworkError(f"{where} is not allowed to us{needs}")
    return NetworkError(f"{where} can't be had: {getattr(error, 'strerror', None) or error}")
