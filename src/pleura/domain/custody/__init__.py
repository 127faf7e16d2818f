"""Nouns and rules of keeping: where copies of the vault lie, what is erased and when."""
