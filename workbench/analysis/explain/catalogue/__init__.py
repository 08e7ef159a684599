"""Data: one TOML file a protocol, written next to the room that decodes it. Read by `explain.meanings`."""
