"""A generator of service-graph series: what a collector would show of the services in a topology file."""
