"""What the page says in words, computed from figures."""
