"""Tools of the repository. The package never imports them."""
