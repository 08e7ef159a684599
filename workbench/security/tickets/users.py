"""Who may ask a KMS, and whose message it is: as the MAC under a pre-shared key proves, or a signature.

Source: RFC 6043 §4.2.1, §4.2.3, §5.5.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from workbench.errors import LocalProtocolError
from workbench.protocols.mikey import coverage
from workbench.protocols.mikey.keys import Direction
from workbench.protocols.mikey.messages import Certificate, CertificateHash, Envelope, Identity, Message, Rand, Sign
from workbench.protocols.mikey.registry import DataType, Error, IdRole, RandRole
from workbench.security.tickets import certificates, enveloped
from workbench.security.tickets.protecting import Protection, refused
from workbench.security.tickets.terms import RAND_OCTETS, Shared

MOST_USERS = 100_000
_BY_KEY = (DataType.REQUEST_INIT_PSK, DataType.RESOLVE_INIT_PSK)
_BY_CERTIFICATE = (DataType.REQUEST_INIT_PK, DataType.RESOLVE_INIT_PK)
REQUESTS = (DataType.REQUEST_INIT_PSK, DataType.REQUEST_INIT_PK)


class User(msgspec.Struct, frozen=True):
    """Somebody who shares a key with the KMS, asks it by certificate, or both.

    Args:
        shared: the PSK (of a UE: Ks_NAF) and its name; None: it asks by certificate alone.
        identities: whom this user may speak for: own identities and groups that it answers for.
        tpk: ticket protection key shared with it, for modes 2 and 3; None without.
        may_call: responders for whom it gets tickets; None: everybody.
        certificates: a chain in DER that holds where its messages bring none, perhaps an empty one; None: it may not
            ask by certificate.
    """

    shared: Shared | None
    identities: tuple[bytes, ...]
    tpk: Shared | None = None
    may_call: tuple[bytes, ...] | None = None
    certificates: tuple[bytes, ...] | None = None


class Authority(msgspec.Struct, frozen=True):
    """What a KMS has for those who ask by certificate.

    Args:
        certificate: its own in DER; envelopes are made for it.
        key: its private key, RSA, PKCS #8 in DER.
        anchors: DER of who may certify users.
    """

    certificate: bytes
    key: bytes
    anchors: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"Authority({len(self.anchors)} anchors)"


class Users:
    """All users of a KMS.

    Args:
        kms: IDRkms.
        users: who may ask; of two who ask by certificate for one identity the first counts.
        authority: for who asks by certificate; None: nobody does.
    """

    def __init__(self, kms: Identity, users: Sequence[User], authority: Authority | None = None) -> None:
        if len(users) > MOST_USERS:
            raise LocalProtocolError(f"{len(users)} users, and {MOST_USERS} are the most")
        self.all = tuple(users)
        self.kinds = (*_BY_KEY, *(_BY_CERTIFICATE if authority is not None else ()))
        self._kms, self._authority = kms, authority
        self._sharing = {user.shared.name.data: user for user in users if user.shared is not None}
        self._certified: dict[bytes, User] = {}
        for user in users if authority is not None else ():
            for name in user.identities if user.certificates is not None else ():
                self._certified.setdefault(name, user)

    def caller(self, octets: bytes, message: Message, now: float) -> tuple[User, Protection]:
        """Whose message it is, and the keys that protect it.

        Raises:
            TicketRefusedError: nobody's, or it was changed on its way.
        """
        requests = message.header.data_type in REQUESTS
        rand = message.rand(RandRole.INITIATOR if requests else RandRole.RESPONDER)
        if rand is None or len(rand.data) < RAND_OCTETS:
            raise refused("no RANDR of 16 octets", "RFC 6043 §4.2", Error.UNSPECIFIED)
        kms = message.identity(IdRole.KMS)
        if kms is not None and kms != self._kms:
            raise refused("for another KMS", "RFC 6043 §4.2", Error.ID_NOT_SUPPORTED)
        who = message.identity(IdRole.INITIATOR if requests else IdRole.RESPONDER)
        if message.header.data_type in _BY_KEY:
            user, said, key = self._by_key(message, who)
            keys = _keys(message, key, rand, requests)
            keys.check(octets, message, said, self._kms.data)
            return user, keys
        user, key = self._by_certificate(octets, message, who, now)
        return user, _keys(message, key, rand, requests)

    def _by_key(self, message: Message, who: Identity | None) -> tuple[User, bytes, bytes]:
        """User, identity and key that a message claims."""
        name = message.identity(IdRole.PSK)
        user = self._sharing.get(name.data) if name is not None else None
        if user is None or user.shared is None:
            raise refused("nobody has a key of that name", "RFC 6043 §4.2", Error.AUTHENTICATION_FAILURE)
        said = who.data if who is not None else user.identities[0]
        if said not in user.identities:
            raise refused("an identity of somebody else", "RFC 6043 §4.2", Error.ID_NOT_SUPPORTED)
        return user, said, user.shared.key

    def _by_certificate(self, octets: bytes, message: Message, who: Identity | None, now: float) -> tuple[User, bytes]:
        """User and envelope key: certificate, whose it is, signature, and only then the envelope."""
        assert self._authority is not None
        sign, envelope = message.payloads[-1] if message.payloads else None, message.first(Envelope)
        if not isinstance(sign, Sign) or envelope is None:
            raise refused("no PKE, or no SIGN at its end", "RFC 6043 §4.2.1.3", Error.AUTHENTICATION_FAILURE)
        known = self._certified.get(who.data) if who is not None else None
        chain = certificates.chain_of(message.all(Certificate))
        if not chain and known is not None:
            chain = known.certificates or ()
        holder = certificates.trusted(chain, self._authority.anchors, now)
        said = who.data if who is not None else next((one for one in holder.names if one in self._certified), b"")
        if said not in holder.names:
            raise refused("the certificate is for somebody else", "RFC 6043 §4.2.1.3", Error.ID_NOT_SUPPORTED)
        user = self._certified.get(said)
        if user is None:
            raise refused("nobody of that identity asks by certificate", "RFC 6043 §4.2", Error.ID_NOT_SUPPORTED)
        enveloped.check_certificate_hash(message.first(CertificateHash), self._authority.certificate)
        enveloped.check_signature(sign, message.header.prf, holder.key,
                                  coverage.covered(octets, said, self._kms.data))
        return user, enveloped.opened(envelope, self._authority.key)


def _keys(message: Message, key: bytes, rand: Rand, requests: bool) -> Protection:
    rands = {"rand_i": rand.data} if requests else {"rand_r": rand.data}
    return Protection(message.header.prf, key, Direction.INIT, message.header.csb_id, **rands)
