"""Accepted data of a run as a data set that others can load: rows, a card, a folder or the hub."""
