"""The networks of a run in the formats of other runtimes."""
