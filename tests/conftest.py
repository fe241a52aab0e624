"""What holds for every test."""

from hypothesis import settings

# A machine may pause at any moment; pytest's timeout ends what hangs.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
