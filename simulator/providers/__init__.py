"""SendGrid's and Twilio's side: they accept messages, keep a ledger, and report back with signatures."""
