"""The words suite."""
