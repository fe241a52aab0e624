"""Reading prompts, assembling messages, counting tokens."""
