"""Definition files in, the desired state and every problem out. Nothing in a definition is run, fetched or opened."""
