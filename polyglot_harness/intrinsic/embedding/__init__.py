"""Vectors of texts: what makes them, and the files that keep them."""
