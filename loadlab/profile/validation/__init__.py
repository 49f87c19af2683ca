"""The rules of a profile beyond its schema: each returns every mistake it finds, with where it was written."""
