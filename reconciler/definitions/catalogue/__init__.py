"""What each code of a problem means, with an example that has it and one that does not."""
