"""What targets that are asked over HTTP have in common: requests, errors, patience, limits."""
