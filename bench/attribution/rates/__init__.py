"""Rates of naming and of error, over the scores that the attacks, the innocents and the strangers gave."""
