"""Costs as ratios to floors measured in the same run: `python -m tests.bench`.

Nothing here passes or fails.
"""
