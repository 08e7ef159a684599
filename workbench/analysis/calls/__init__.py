"""Calls: dialogs, contexts and legs joined, who is who, and what a gateway made of them."""
