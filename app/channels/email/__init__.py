"""Email: providers, what they report back, and the connections to them."""
