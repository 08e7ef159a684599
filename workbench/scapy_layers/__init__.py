"""Layers for scapy: `from workbench.scapy_layers.h248 import H248`.

scapy is GPL-2.0-only. It is an optional import of this room, which no other room imports.
"""
