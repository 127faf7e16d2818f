"""Crash safety, shown on the real program: a fault at every system call, and a disk that loses power."""
