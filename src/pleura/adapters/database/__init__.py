"""Catalogue, accounts and ledger in one SQL database, behind the ports `Records` and `Unit`.

``schema`` says what is stored, ``migrations`` how it came to be, ``records`` how it is used.
"""
