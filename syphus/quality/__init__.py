"""Whether a pair is worth training on: small pure checks of one pair, and repeats in the set."""
