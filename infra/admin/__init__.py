"""The operator's command line: tenants, applications, products and gateways' children, by the core itself."""
