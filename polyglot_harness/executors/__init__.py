"""Where cells run. No stage logic here: an executor takes jobs and says which ones failed."""
