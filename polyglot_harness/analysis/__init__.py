"""What the metrics of the data say of the students: components, regressions, correlations.

Every R2 in sample stands beside those out of sample, and a fit is made anew in each fold, its
standardisation and its components included.
"""
