"""The engine: when a request may be sent, where, how often, and when to stop."""
