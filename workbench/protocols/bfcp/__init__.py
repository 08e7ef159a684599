"""BFCP (RFC 8855, and RFC 4582 as its version 1): messages on the wire, participants and chairs, the floor server."""
