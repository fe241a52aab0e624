"""Checking prompts, assembling messages, counting tokens.

Prompt files are read by `syphus.plugins.prompt_file`.
"""
