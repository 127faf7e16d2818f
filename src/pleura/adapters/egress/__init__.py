"""The one way out to addresses that strangers choose: a proxy that reaches public addresses only."""
