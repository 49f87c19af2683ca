"""What a run leaves behind: the document of its results, and the directory that holds it."""
