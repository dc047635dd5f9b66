"""Data of anybody, to be measured or trained on: files of any size, and data sets of `datasets`.

`forms` knows the columns in which data sets keep prompts and responses, `tables`, `csv_files` and
`hub` read rows, `find` tells which of them a name stands for; `data` makes of a table what metrics
look at, a language at a time, and `examples` what students are trained on.
"""
