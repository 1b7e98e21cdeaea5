"""The loop: from the inbox to the graph and back to the objects, one batch at a time, steps in order."""
