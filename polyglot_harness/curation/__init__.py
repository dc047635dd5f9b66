"""Curation of data: contamination by evaluation tasks, near-duplicates; pure functions of texts."""
