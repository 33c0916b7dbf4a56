"""The outbound half of a session: speech in, paced texts out, and the ledger of what the caller has heard."""
