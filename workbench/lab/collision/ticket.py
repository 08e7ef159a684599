"""A key that both UEs have, and what their SDP says of it: a worked exchange of MIKEY-TICKET, without its KMS.

The UEs here are given what the exchange leads to: the TEK of its one Crypto Session (TS 23.333 §6.2.19). How TLS names
it is not specified where it could be read; the name is provisional.

Source: RFC 6043 §4.2.2, RFC 4567 §3.
"""

from __future__ import annotations

from workbench.security.psk import PreSharedKey

TRANSFER_INIT = "mikey " + (
    "AQ4FgCIiIiIBAgHxAQAAAAECDwDXNZRKAAAAAA4BEMHBwcHBwcHBwcHBwcHBwcEOAQEAFHNpcDp1ZS1hQGltcy5leGFtcGxlCgIB"
    "ABZzaXA6Y29uZi0xQGltcy5leGFtcGxlEQDxAAAJAAEBAQHwYABXDg4DAAAPa21zQGltcy5leGFtcGxlDQEBABRzaXA6dWUtYUBp"
    "bXMuZXhhbXBsZQ0CA9c1lEAOAwPXNuXAAAIBABZzaXA6Y29uZi0xQGltcy5leGFtcGxlAHAFAAALANc1lEEAAAAAARCZmZmZmZmZ"
    "mZmZmZmZmZmZDgEALEMhsAa6CWKw0iIEG0r6ZbqDMA8cUZyKBpKK5t6mjYYeX3FcCT0BWTzfi1qyAAkEAgAFdHBrLTEAAWmoRlb9"
    "7mtDye2A80E0YlYQiL92AAAAAZXu5WeyvCaHsO7uN5DzxTWtSQ9Z"
)
"""a=key-mgmt of the offer."""

TRANSFER_RESP = "mikey " + (
    "AQ8FACIiIiIBAgHxAQAAAAECDwDXNZRNAAAAAA4CENLS0tLS0tLS0tLS0tLS0tIJAgEAFnNpcDpjb25mLTFAaW1zLmV4YW1wbGUA"
    "AQ50Q8c6SaF6/342DaFbOsUzpc+q"
)
"""a=key-mgmt of the answer."""

KEY = PreSharedKey(b"ticket-cs-1", bytes.fromhex("ae444098f7c20d1d0cfe701a2a72cf3f"))
