"""What does each step of turning a causal language model into a text encoder buy?"""

__version__ = "0.1.0"
