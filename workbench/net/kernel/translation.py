"""A NAT of the kernel's own: source translation by nftables, connection tracking and a filter in front of it.

What Linux does, in the words of RFC 4787: a session (both endpoints) has a mapping of its own, and only its own remote
endpoint gets in: address-and-port-dependent filtering. The inside port is kept where no other session to the same
remote endpoint has it, so while inside hosts do not use the same port, mapping looks endpoint-independent. With
`random_ports` each session gets a port by chance: address-and-port-dependent mapping. There is no hairpinning, what is
unsolicited is dropped, and sessions live as long as connection tracking has it, on the wall clock.
"""

from __future__ import annotations

from workbench.errors import ScenarioError
from workbench.net.interface import Host
from workbench.net.kernel.namespaces import Namespaces

_SYSCTLS = {"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"}


def translate(host: Host, links: dict[str, str], namespaces: Namespaces) -> None:
    """Make a host the NAT that its plan wants.

    Args:
        links: names of the host's links, by wire.

    Raises:
        ScenarioError: the plan gives the NAT a wire that it does not stand on.
        NetworkError: nft is missing, or this kernel has no NAT for it.
    """
    wanted = host.translates
    assert wanted is not None
    outside = next((foot.address for foot in host.feet if foot.wire == wanted.outside), None)
    if outside is None or wanted.inside not in links:
        raise ScenarioError(f"{host.name} translates between {wanted.inside!r} and {wanted.outside!r}, "
                            "and has not a foot on each")
    namespaces.set(host.name, _SYSCTLS)
    family = "ip6" if ":" in outside else "ip"
    here, there = links[wanted.inside], links[wanted.outside]
    namespaces.nft(host.name, f"""table inet translation {{
chain leaving {{
type nat hook postrouting priority srcnat
oifname {there} snat {family} to {outside}{" fully-random" if wanted.random_ports else ""}
}}
chain passing {{
type filter hook forward priority filter
policy drop
ct state invalid drop
ct state established,related accept
iifname {here} oifname {there} accept
}}
chain arriving {{
type filter hook input priority filter
policy drop
}}
}}
""")
