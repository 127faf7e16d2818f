"""The main job from end to end in a throw-away home: films in, copies out, one leaks, it is traced."""
