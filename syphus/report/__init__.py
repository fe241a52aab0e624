"""What a run's data look like: counts of its texts, and one page of pictures."""
