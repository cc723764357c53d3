"""SMS: providers, what they report back, and what shoppers answer."""
