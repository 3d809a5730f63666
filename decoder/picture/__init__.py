"""Planes to pictures: colour, comparison, files."""
