"""H.248 (Megaco): one message tree, its codecs, packages as data, transactions."""
