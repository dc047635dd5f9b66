"""Data of anybody, to be measured: files of any size, and data sets of the `datasets` library.

`forms` knows the columns in which data sets keep prompts and responses, `tables` and `hub` read
rows, and `data` makes of a table what metrics look at, a language at a time.
"""
