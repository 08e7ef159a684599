"""Reads captures: packets, flows, messages, sessions, findings. Never imports nodes or the lab."""
