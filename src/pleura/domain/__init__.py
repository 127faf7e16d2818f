"""What we are talking about: frozen nouns, rules without I/O, the error tree and the ports."""
