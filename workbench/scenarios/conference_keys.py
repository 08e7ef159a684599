"""Keys of the conference scenarios: a whole exchange of MIKEY-TICKET (RFC 6043) and the key that comes of it.

They stand in for a live KMS: UE and MRFC know them beforehand. Where tickets are resolved, `nodes.ue.keyed.Keyed` and
`nodes.mrfc.keying.KeyManagement` get the same from there. The messages are for sip:ue-a@ims.example and
sip:conf-1@ims.example.
"""

from __future__ import annotations

from base64 import b64encode

from workbench.lab.topology_mp import agreed, keyed

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
OF_MRFC = (agreed(OFFERED, ANSWERED, _NAME, _TEK),)
OF_MRFC_ECHO = (agreed(OFFERED, OFFERED, _NAME, _TEK),)
