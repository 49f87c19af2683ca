"""Charts, curves, bars and distributions as plotly figures: each module draws the data of the one of its name."""
