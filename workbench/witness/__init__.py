"""A second opinion on a capture: Wireshark's decoder beside ours, field by field (`second_opinion`).

tshark is started as a program, pyshark in a thread of its own; neither is imported by anything that reads captures.
"""
