"""What a bare machine needs to run this tree: packages, a database, a queue, and somebody to start the processes.

Nothing in `app/` knows that this package exists; on a server with its own PostgreSQL and Redis it is not used.
"""
