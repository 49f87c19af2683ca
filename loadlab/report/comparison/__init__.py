"""The comparison of two runs, for the terminal and as a page: `answer` in sentences, `page` as one HTML file."""
