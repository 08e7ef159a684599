"""Captures that may be given away: the same packets, with other addresses, identities and keys of equal length."""
