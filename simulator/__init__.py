"""A store, its shoppers, its admin and the message providers, on one machine, over real HTTP.

It imports nothing of the app: what it knows of the app is its address and the keys both sides were given, which is
all that the real platforms know.
"""
