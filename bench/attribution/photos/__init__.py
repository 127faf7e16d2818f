"""Real photos of real screens and prints: a set to be shown, a sheet to follow, a score of what came back."""
