"""Teachers: how features become a weight, and how that map learns."""
