"""A network in virtual time: real IP packets on wires that can be captured, no privilege needed."""
