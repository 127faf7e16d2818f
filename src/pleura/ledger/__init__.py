"""What has happened: canonical entries, the Merkle tree over them and its signed heads.

The format is docs/formats/ledger.md; the modules follow its sections.
"""
