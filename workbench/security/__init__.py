"""Identities, fingerprints, TLS sessions over memory, key log."""
