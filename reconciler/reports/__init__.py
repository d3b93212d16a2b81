"""The report of a run: the document, where it is published, and how it is shown."""
