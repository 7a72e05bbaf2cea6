"""Ways to show the CA that a name is ours."""
