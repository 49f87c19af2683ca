"""From a profile to a run directory: each trial in its turn (`run`), measured by processes of their own (`trial`)."""
