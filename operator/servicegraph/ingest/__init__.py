"""From what was said to what is stored: names are resolved, then one transaction makes one graph version."""
