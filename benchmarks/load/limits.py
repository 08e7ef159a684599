"""How many descriptors this process may have."""

from __future__ import annotations

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

_SPARE = 64


def room_for(descriptors: int) -> str:
    """Make room for so many open sockets; what is missing, or an empty string.

    The soft limit is raised as far as it has to be; processes that are started afterwards inherit it.
    """
    if resource is None:
        return ""
    needed = descriptors + _SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            return f"{needed} open files are needed and {hard} allowed: ulimit -Hn {needed}, or nofile in limits.conf"
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    return ""
