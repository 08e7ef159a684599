"""Networks, and the values in which nodes and networks meet."""
