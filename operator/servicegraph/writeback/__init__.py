"""From the graph back to the objects: the wanted status is computed (pure), compared, and written only where it differs."""
