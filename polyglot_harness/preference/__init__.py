"""CroCo (arXiv 2605.26293): preferences out of a model's own responses, ranked by a reward model.

`rewards` score candidates, `pairs` choose which two of a prompt's candidates are a pair,
`statistics` say whether the rewards rank usefully within a language. Nothing here trains.
"""
