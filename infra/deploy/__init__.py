"""From a checkout to a running stage: packages, stacks, and what Chalice leaves to be done."""
