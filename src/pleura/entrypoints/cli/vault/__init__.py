"""Commands that keep the vault: keys, backups, erasure, health."""
