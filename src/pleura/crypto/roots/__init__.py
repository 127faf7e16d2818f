"""Root keys: their file, their passphrase, their recovery code."""
