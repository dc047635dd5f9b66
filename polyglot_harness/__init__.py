"""polyglot-harness: lm-eval for teachers of multilingual students."""

__version__ = "0.1.0"
