"""The static leaderboard: results.duckdb in, plain HTML files out."""
