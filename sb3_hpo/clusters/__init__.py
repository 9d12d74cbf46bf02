"""Clusters that already run: how workers are submitted to Dask and to Ray."""
