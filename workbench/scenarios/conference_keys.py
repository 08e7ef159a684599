"""Keys of the conference scenarios: a KMS that UEs and the MRFC ask, and one exchange that both know beforehand.

The exchange is a whole one of MIKEY-TICKET (RFC 6043), for sip:ue-a@ims.example and sip:conf-1@ims.example, with the
key that comes of it: it stands in for a KMS where none is asked.
"""

from __future__ import annotations

from base64 import b64encode

from workbench.lab.topology import Topology
from workbench.lab.topology_kms import Kms, KmsUser, shared
from workbench.lab.topology_mp import agreed, keyed
from workbench.net.values import Endpoint
from workbench.nodes.tickets import MODE_3, Tickets
from workbench.scenarios import conference_edge as edge

_TRANSFER_INIT = bytes.fromhex("""
010e058022222222010201f10100000001020f00d735944a000000000e0110c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c10e0101
00147369703a75652d6140696d732e6578616d706c650a020100167369703a636f6e662d3140696d732e6578616d706c6511
00f10000090001010101f06000570e0e0300000f6b6d7340696d732e6578616d706c650d010100147369703a75652d614069
6d732e6578616d706c650d0203d73594400e0303d736e5c000020100167369703a636f6e662d3140696d732e6578616d706c
6500700500000b00d7359441000000000110999999999999999999999999999999990e01002c4321b006ba0962b0d222041b
4afa65ba83300f1c519c8a06928ae6dea68d861e5f715c093d01593cdf8b5ab200090402000574706b2d31000169a84656fd
ee6b43c9ed80f3413462561088bf760000000195eee567b2bc2687b0eeee3790f3c535ad490f59""")

_TRANSFER_RESP = bytes.fromhex("""
010f050022222222010201f10100000001020f00d735944d000000000e0210d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2090201
00167369703a636f6e662d3140696d732e6578616d706c6500010e7443c73a49a17aff7e360da15b3ac533a5cfaa""")

# The TEK of Crypto Session 1; its name in TLS is not specified where it could be read.
_NAME = b"cs1"
_TEK = bytes.fromhex("ae444098f7c20d1d0cfe701a2a72cf3f")

OFFERED = f"mikey {b64encode(_TRANSFER_INIT).decode()}"
ANSWERED = f"mikey {b64encode(_TRANSFER_RESP).decode()}"

OF_UE = keyed(OFFERED, _NAME, _TEK)
OF_UE_WRONG = keyed(OFFERED, _NAME, bytes(16))
OF_UE_RENAMED = keyed(OFFERED, b"cs2", _TEK)
OF_MRFC = (agreed(OFFERED, ANSWERED, _NAME, _TEK),)
OF_MRFC_ECHO = (agreed(OFFERED, OFFERED, _NAME, _TEK),)

AT, NOBODY = Endpoint("192.0.2.9", 80), Endpoint("192.0.2.10", 80)
UNKNOWN = shared("nobody@bsf.ims.example", b"\x0c" * 32)
_OF_MRFC, OWN_OF_MRFC = shared("mrfc-1", b"\x0e" * 32), shared("tpk-mrfc", b"\x0f" * 16)
OWN_OF_UE = shared("tpk-ue", b"\x0d" * 16)
_AT_KMS = {uri: shared(f"btid-{number}@bsf.ims.example", bytes([0x10 + number]) * 32) for number, uri in enumerate(
    ("sip:ue-a@ims.example", "sip:bob@home2.example"))}

OF_CONFERENCE = Tickets(AT, _OF_MRFC)
MADE_BY_CONFERENCE = Tickets(AT, _OF_MRFC, flags=MODE_3, ticket_key=OWN_OF_MRFC)


def tickets(uri: str) -> Tickets:
    """What a UE does with tickets."""
    return Tickets(AT, _AT_KMS[uri])


def with_kms(there: Topology) -> Topology:
    """The same with a KMS, which MRFC and UEs have keys of."""
    users = [KmsUser(uri, key, OWN_OF_UE if number == 0 else None) for number, (uri, key) in enumerate(_AT_KMS.items())]
    kms = Kms("KMS", ((edge.CORE, AT),), (KmsUser(edge.CONFERENCE, _OF_MRFC, OWN_OF_MRFC), *users))
    return Topology(there.wires, (*there.nodes, kms))
