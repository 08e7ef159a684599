"""Pre-Shared Key of a termination: read out of LocalControl, and kept nowhere else than in the setting of the bearer.

So no audit and no reply tells it again. Wire names come from the package registry and are provisional.

Source: TS 23.333 §6.2.19 (the key is the TEK of the Crypto Session); RFC 4279.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from workbench.errors import LocalProtocolError
from workbench.nodes.gateway.settings import Refused, Setting
from workbench.protocols.h248.message import Property
from workbench.protocols.h248.packages import Registry
from workbench.security.psk import PreSharedKey


class Given(msgspec.Struct, frozen=True):
    """What a descriptor said: the key's name, and the key; None where it said nothing."""

    identity: bytes | None = None
    key: PreSharedKey | None = None


class Names:
    """The two properties, as the registry names them."""

    def __init__(self, registry: Registry) -> None:
        self._key = registry.wire_name("pre-shared-key").lower()
        self._identity = registry.wire_name("pre-shared-key-identity").lower()

    def names(self, item: Property) -> bool:
        """It is one of them."""
        return item.name.lower() in (self._key, self._identity)

    def taken(self, properties: Sequence[Property]) -> tuple[list[Property], Given]:
        """The other properties, and the key. Raises Refused (449): it can't be a key."""
        others = [one for one in properties if not self.names(one)]
        said = {one.name.lower(): bytes.fromhex(one.value) for one in properties if self.names(one)}
        identity = said.get(self._identity)
        if identity is None:
            raise Refused(449, "a pre-shared key without a name")
        if self._key not in said:
            return others, Given(identity)
        try:
            return others, Given(identity, PreSharedKey(identity, said[self._key]))
        except LocalProtocolError as error:
            raise Refused(449, str(error)) from None


def applied(setting: Setting, given: Given) -> Setting:
    """The setting with that key. Raises Refused (473): TLS does not end here."""
    if given.identity is None:
        return setting
    if not setting.tls:
        raise Refused(473, f"a pre-shared key with {setting.proto}")
    key = given.key or setting.pre_shared_key
    return msgspec.structs.replace(setting, keyed=True, pre_shared_key=key)
