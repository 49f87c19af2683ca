"""Drawing with plotly: axes, what all figures share, and charts of lines and stacked bars."""
