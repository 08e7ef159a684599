"""Pre-Shared Key of Mp: read out of LocalControl, kept in no property, and refused where it can't be."""

from __future__ import annotations

import pytest

from workbench.net.values import Endpoint
from workbench.nodes.gateway import keying
from workbench.nodes.gateway.settings import Refused, Role, Setting
from workbench.protocols.h248.message import Property
from workbench.protocols.h248.packages import Registry
from workbench.security.psk import PreSharedKey

REGISTRY = Registry.load()
NAMES = keying.Names(REGISTRY)
KEY = Property(REGISTRY.wire_name("pre-shared-key"), ("00112233445566778899AABBCCDDEEFF",))
NAME = Property(REGISTRY.wire_name("pre-shared-key-identity"), ("637331",))
REALM = Property("ipdc/realm", ("media.example.net",))
TLS = Setting("TCP/TLS/MSRP", True, Endpoint("192.0.2.1", 40000), Role.ACTIVE)


def test_a_key_is_taken_out_of_the_properties():
    """What is left for audits and replies has neither the key nor its name, and nothing shows the key."""
    others, given = NAMES.taken([REALM, NAME, KEY])
    assert others == [REALM]
    assert given == keying.Given(b"cs1", PreSharedKey(b"cs1", bytes.fromhex(KEY.value)))
    assert KEY.value.lower() not in repr(given).lower()
    assert keying.applied(TLS, given).pre_shared_key == given.key


def test_a_name_alone_makes_tls_wait():
    """The key may follow (X13), and replaces nothing until it does."""
    waits = keying.applied(TLS, NAMES.taken([NAME])[1])
    assert waits.keyed and waits.pre_shared_key is None
    assert keying.applied(waits, NAMES.taken([NAME, KEY])[1]).pre_shared_key is not None


@pytest.mark.parametrize("wrong", [
    [KEY], [KEY, Property(NAME.name, ("00",))], [NAME, Property(KEY.name, ("00" * 600,))]])
def test_what_can_be_no_key_is_refused(wrong: list[Property]):
    """449: without a name, or too long."""
    with pytest.raises(Refused) as refused:
        NAMES.taken(wrong)
    assert refused.value.code == 449 and KEY.value not in refused.value.text


def test_a_key_goes_with_tls_only():
    """473: nothing is encrypted on plain TCP."""
    plain = Setting("TCP/MSRP", False, TLS.local, Role.ACTIVE)
    with pytest.raises(Refused) as refused:
        keying.applied(plain, NAMES.taken([NAME, KEY])[1])
    assert refused.value.code == 473
