"""Settings files of nodes that run alone: TOML in, a node out. Whatever is wrong is said with its key and its line.

Every key has a default on loopback, so that an empty file is a node that nobody else can reach. Only a NAT has to be
told between what it stands.
"""

from __future__ import annotations

from workbench.lab.settings.agw import agw
from workbench.lab.settings.alg import alg
from workbench.lab.settings.nat import nat
from workbench.lab.settings.ue import ue

__all__ = ["agw", "alg", "nat", "ue"]
