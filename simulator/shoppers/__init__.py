"""People: how they browse, hesitate, buy, come back, and what they do with the messages they get."""
