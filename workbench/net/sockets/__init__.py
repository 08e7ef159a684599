"""This host's own network for one node: its commands on real UDP and TCP sockets, one selector for all of them.

What a real stack can't do is not pretended (`capabilities`): the kernel has answered a SYN before we hear of it, so
`RefuseStream` is a reset after the fact; nobody tells when the peer has acknowledged our FIN, so `StreamFlushed` never
comes; there are no packets and no relays. Nothing here needs one operating system; where there is splice(2), octets of
joined streams do not pass through this process's memory.

Source: RFC 9293 §3.9.1 (user/TCP interface), RFC 8085 §5 (UDP and the socket interface).
"""

from __future__ import annotations

from workbench.net.sockets.entries import Connection, Datagrams, Limits
from workbench.net.sockets.making import free_port, probe
from workbench.net.sockets.network import SocketNetwork

__all__ = ["Connection", "Datagrams", "Limits", "SocketNetwork", "free_port", "probe"]
