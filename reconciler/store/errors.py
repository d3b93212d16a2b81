"""What only the store can say."""

from reconciler.model.errors import CouldNot


class LeaseLost(CouldNot):
    """Another process has taken over the lease under which we acted: nothing was written; step down."""
