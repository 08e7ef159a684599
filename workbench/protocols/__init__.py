"""Codecs and state machines. No socket, task, clock, randomness or logging in here."""
