"""The documents say what the code does: each test reads both."""
