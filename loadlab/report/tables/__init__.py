"""The tables of the page as data: those that can be sorted, and the small ones that stand beside figures."""
