"""`python -m reconciler`: the same as the command `reconciler`."""

from reconciler.cli.main import main

main()
