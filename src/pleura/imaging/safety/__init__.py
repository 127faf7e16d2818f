"""What a copy does to what a reader sees: how much it differs, where most, and a picture of it."""
