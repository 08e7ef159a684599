"""The kernel network: one Linux network namespace a host, its own TCP/IP, and wires that do what a wire may do.

Nothing here runs elsewhere than on Linux; import `network` or `namespaces` where they are needed.
"""
