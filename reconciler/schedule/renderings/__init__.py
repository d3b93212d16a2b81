"""A forecast as text, JSON, Markdown, HTML and SVG: what a format shows, never what is computed."""
