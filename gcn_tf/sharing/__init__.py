"""Runs as bundles that are handed on."""
