"""Builds the data of the embedded evaluation suite ``polyglot_mini_<lang>``."""
