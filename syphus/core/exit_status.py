"""The exit statuses of the command line; `docs/commands.md` says what each means to users."""

DONE = 0
FAULT = 1
WRONG_INPUT = 2
STOPPED_EARLY = 3
SOME_FAILED = 4
