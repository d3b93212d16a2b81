"""Where repositories live and are reviewed: GitHub and GitLab, as far as comments and commit statuses go."""
