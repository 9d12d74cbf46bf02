"""The search spaces of SB3's algorithms, one file each. They import neither torch nor SB3."""
