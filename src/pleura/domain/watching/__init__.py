"""The watch list: where to look, what was seen there, and what people said about it."""
