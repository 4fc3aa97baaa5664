"""`make verify-aws`: what docs/unverified.md lists, proven on a deployed stage as far as a program can."""
