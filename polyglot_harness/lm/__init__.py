"""Everything that touches lm-eval."""
