"""Room for sockets: many systems let a process have 1,024 open files, and a gateway has two sockets a call and more."""

from __future__ import annotations

from contextlib import suppress

_WANTED = 65_536


def raise_limit() -> None:
    """Raise this process's own limit of open files as far as its user may, up to 65,536."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # the system allows less than it says (macOS)
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
