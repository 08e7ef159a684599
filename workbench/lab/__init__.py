"""Runs scenarios: topology, script, the only loop, trace, judgement."""
