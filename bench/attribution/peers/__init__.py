"""Other marks and other matchers on the same films after the same attacks; what is not installed is named."""
