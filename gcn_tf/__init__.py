"""Generative Cooperative Nets in Keras: learn a grid of image factors, draw the cells nobody photographed."""

__version__ = "0.1.0"
