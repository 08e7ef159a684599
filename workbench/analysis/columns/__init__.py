"""Packets of a capture as columns."""
