"""Sealed images outside the home: backups in a folder and replicas in a cloud store."""
