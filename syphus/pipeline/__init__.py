"""The only room that knows every stage.

`plan` says what is asked of whom, `generation` is the flow of the first stage, `run` puts a whole
run together, `preview` shows one without sending anything.
"""
