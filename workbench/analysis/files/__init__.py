"""Captures as files: packed, merged, still growing, and written anew with TLS taken off."""
