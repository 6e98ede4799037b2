"""Everybody on the same work, in one run: see README.md of bench/peers."""
