"""The mark: the secret signs of one copy, embedded and read side by side (docs/formats/mark.md)."""
