"""Ways to get a reply: chat endpoints over HTTP, and a model that runs on this computer.

Import what you use from its own file (`chat`, `local`, ...): this one imports nothing, so that
`syphus --help` doesn't wait for openai.
"""
