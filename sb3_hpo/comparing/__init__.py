"""Searches compared: several samplers on the same budget, again and again, judged on seeds that none of them saw."""
