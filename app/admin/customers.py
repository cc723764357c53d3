"""Soon."""


def routes() -> None:
    """None yet."""
