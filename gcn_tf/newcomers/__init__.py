"""Newcomers: new values for a trained run, from a few pictures."""
