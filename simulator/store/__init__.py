"""The store's own data: what it sells, who buys, and what has happened."""
