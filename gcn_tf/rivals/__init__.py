"""Other generators on the same grid: each is trained by the paper that brought it, and used like a GCN."""
