"""Results for other tools: mteb's own result files, and parquet."""
