"""What doors say of a finding, in words and as a picture, in the reader's language."""
