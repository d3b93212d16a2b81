"""What only the store can say."""

from reconciler.model.errors import CouldNot


class LeaseLost(CouldNot):
    """Another process has taken over the lease under which we acted: nothing was written; step down."""


class StateUnavailable(CouldNot):
    """The database cannot be read or written just now: it is in use, or there is no room. Try again later."""


class StateDamaged(CouldNot):
    """The database cannot be gone on with as it is: damaged, missing, older than it was, or another one."""


class RowUnreadable(StateDamaged):
    """One row holds what we never wrote: the others are as they were."""


GO_ON = "Go on with a backup: reconciler restore FILE\nor with what is left: reconciler repair"
