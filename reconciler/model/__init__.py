"""Frozen values that every room shares; nothing here reads or writes anything."""
