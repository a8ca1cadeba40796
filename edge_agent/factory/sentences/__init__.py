"""Sentences with their meaning: the bank of phrasings, and cases from it in invented worlds."""
