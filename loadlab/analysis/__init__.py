"""What the figures of a run mean: summaries, verdicts, expectations, spread over repeats. All of it is pure."""
