"""MIKEY between a user and its KMS over HTTP, as captures of the tests have it."""

from __future__ import annotations

from capturing import Talk
from mikey_words import stored

from workbench.net.values import Endpoint
from workbench.protocols.http import wire
from workbench.protocols.http.messages import answer, post

USER, KMS = Endpoint("192.0.2.7", 40001), Endpoint("192.0.2.50", 8080)


def exchange(asked: bytes, told: bytes, portion: int = 0) -> Talk:
    """A connection with one request and its response, in portions of so many octets (0: in one)."""
    talk = Talk(USER, KMS).opens()
    said = wire.encode(post("/keys", "kms.ims.example", asked)), wire.encode(answer(200, "OK", told))
    for who, octets in enumerate(said):
        for at in range(0, len(octets), portion or len(octets)):
            talk.says(who, octets[at : at + (portion or len(octets))])
    return talk


def certified_exchanges() -> Talk:
    """The Request and the Resolve exchange of the stored run with certificates, one behind the other."""
    talk = exchange(stored("request-init-pk"), stored("request-resp-pk"), 1400)
    asked, told = wire.encode(post("/keys", "kms.ims.example", stored("resolve-init-pk"))), stored("resolve-resp-pk")
    return talk.says(0, asked[:1400]).says(0, asked[1400:]).says(1, wire.encode(answer(200, "OK", told)))


def request_exchange(portion: int = 0) -> Talk:
    """The Request exchange of the stored run."""
    return exchange(stored("request-init-psk"), stored("request-resp"), portion)
