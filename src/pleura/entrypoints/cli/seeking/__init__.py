"""``pleura trace`` and ``pleura find``: what is this picture?"""
