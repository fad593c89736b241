"""Attacking the images of a folder."""
