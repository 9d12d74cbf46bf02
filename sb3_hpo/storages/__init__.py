"""The kinds of storage, one module each; :mod:`sb3_hpo.storage` opens any of them."""
