"""Do the statistics keep their error rates? Simulations with a known truth, and outcomes of the store drawn again."""
