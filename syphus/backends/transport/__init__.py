"""HTTP/1.1 as a client of few words: POST a body, read the answer, over connections kept warm.

`Pool` is the way in. A connection carries one exchange at a time, without pipelining.
"""
