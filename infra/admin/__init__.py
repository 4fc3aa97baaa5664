"""The operator's command line: who may call, products and gateways' children, by the core itself."""
