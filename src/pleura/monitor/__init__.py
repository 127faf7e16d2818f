"""Did it get out: a picture from outside is matched to its original and traced to one copy."""
