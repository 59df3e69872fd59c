"""What web applications here have in common: where they listen, and the guard before them."""
