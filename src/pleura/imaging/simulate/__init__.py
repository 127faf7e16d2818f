"""What is simulated: the ways in which a picture leaks, and the patients of the demo.

Nothing here takes part in the guard itself. The leaks measure the mark and the demo shows it on
phantoms, so that no patient's film is needed for either. Entry points: ``leaks.LEAKS`` and
``leaks.ATTACKS`` (tables of attacks), ``phantom.phantom`` and ``phantom.make_instance``.
"""
