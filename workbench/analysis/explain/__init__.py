"""Says of every octet what it is, what it means and in which clause that stands."""
