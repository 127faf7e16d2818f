"""The watch list: look at places outside again and again, and remember what of ours was seen there."""
