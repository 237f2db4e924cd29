"""Where the cells of a run are carried out, other than in the process of the command: on a Ray cluster."""
