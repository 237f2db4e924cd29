"""The word-level data sets: where they come from, how they are checked, what their files hold."""
