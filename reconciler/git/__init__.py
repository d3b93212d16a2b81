"""The only room that talks to Git: read a commit, compare two trees, publish and push reports."""
