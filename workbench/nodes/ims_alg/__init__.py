"""An IMS-ALG: the P-CSCF's function that rewrites SDP and orders the IMS-AGW over Iq.

It is a B2BUA between the access side (Gm) and the core side, and the controller (MGC) of one gateway. It also answers
REGISTER in place of the registrar behind it (a simplification of this workbench: there is no S-CSCF here).

| Module | Topic |
|---|---|
| `node` | what arrives, and what it starts |
| `sessions`, `reoffers`, `releasing` | a call begins, changes, ends |
| `exchange` | one offer, its answer, and the connection they set up: the call flows |
| `roles` | who opens TCP: the role matrix |
| `judging` | treatment of a stream, NAT, what is refused |
| `rewriting`, `msrp_paths` | SDP on its way through |
| `orders` | connection points on Iq |
| `signalling` | SIP on both sides |

Source: TS 23.334 §5.11, §5.16, §5.19, §6.2.10, §6.2.18; TS 24.229 §6.7.2 (IMS-ALG), §7.5.2 (3ge2ae); TS 33.328.
"""

from __future__ import annotations

from workbench.nodes.ims_alg.calls import Registration, Treatment
from workbench.nodes.ims_alg.node import ImsAlg
from workbench.nodes.ims_alg.settings import BidsDown, EndToEnd, Msrp, PlainAnswer, Settings, StartsTcp, Tcp

__all__ = ["BidsDown", "EndToEnd", "ImsAlg", "Msrp", "PlainAnswer", "Registration", "Settings", "StartsTcp", "Tcp",
           "Treatment"]
