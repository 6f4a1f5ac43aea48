"""The page of `gcn-tf explore`: look at the cells of a run, play with its factors, take pictures away."""
