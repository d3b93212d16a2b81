"""The local engine: a supervisor process that starts, watches and ends children, and the client that speaks to it."""
