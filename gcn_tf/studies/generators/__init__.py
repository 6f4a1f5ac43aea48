"""Generators of many kinds on the same grid: the same pictures, parameters, seconds and judges."""
