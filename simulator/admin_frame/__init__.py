"""The store's admin, as far as an app needs one: a frame around it, and the script that lets both talk."""
