"""How it is sealed: container, keys, fields, signatures, passwords; all cryptographic libraries."""
