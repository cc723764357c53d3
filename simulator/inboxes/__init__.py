"""Every message as the shopper sees it: a mail client and a phone."""
