"""The journal: what was sent and what came back, durable before anything else happens to it.

`format` says what a line is, `writer` appends, `reader` reads back, `lock` keeps others out.
"""
