"""The report of a study: one HTML file with its pictures, and the same pictures as PNG."""
