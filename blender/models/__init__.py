"""Models from a path, an installed package or a hub, resolved in one place and loaded once."""
