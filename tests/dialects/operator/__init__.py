"""The operator API at the wire."""
