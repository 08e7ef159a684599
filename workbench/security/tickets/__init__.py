"""MIKEY-TICKET: who asks for a ticket, who is called with it, and the KMS, as state machines (RFC 6043)."""

from workbench.security.tickets.initiator import Initiator
from workbench.security.tickets.kms import Answered, Kms
from workbench.security.tickets.replays import Replays
from workbench.security.tickets.responder import Resolve, Responder
from workbench.security.tickets.terms import (
    Certified,
    Credential,
    Granted,
    Keyed,
    Refused,
    Shared,
    Suite,
    Wanted,
    psk_identity,
)
from workbench.security.tickets.users import Authority, User

__all__ = ["Answered", "Authority", "Certified", "Credential", "Granted", "Initiator", "Keyed", "Kms", "Refused",
           "Replays", "Resolve", "Responder", "Shared", "Suite", "User", "Wanted", "psk_identity"]
