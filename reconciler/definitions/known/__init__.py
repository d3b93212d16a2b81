"""What a validation found, kept so that the next one looks only at what changed since, and at what that touches."""
