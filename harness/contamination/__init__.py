"""Which evaluation tasks the training data overlaps: what is known of a data set, and what is counted in its texts."""
