"""Every mark that a change can have, and every guard: what it means, and what a reviewer does about it."""

from msgspec import Struct

from reconciler.planning.judgement_values import Level


class Explained(Struct, frozen=True):
    """``title`` fits many changes at once; ``levels`` are those it can have, the worst first (of a guard none)."""

    title: str
    levels: tuple[Level, ...]
    explanation: str


D, C, N = Level.DANGER, Level.CAUTION, Level.NOTE

MARKS = {
    "account": Explained("runs under another account", (C,), "The `runAs` of the job or of a task is new or another."),
    "adopt": Explained(
        "takes over what was made by hand",
        (C,),
        "The target has an object of that id which was not made from here. It becomes ours; what differs is written.",
    ),
    "all-devices": Explained("runs on every device of a target", (C,), "The selector says `all: true`."),
    "both-changed": Explained(
        "changed in Git and on the target",
        (D,),
        "Since the last apply Git changed these fields, and so did somebody on the target. Git wins: ask who it was.",
    ),
    "catches-up": Explained(
        "starts every missed instant",
        (C,),
        "With `misfire: {policy: run-all}` a scheduler that was away starts each missed instant within the grace.",
    ),
    "clock-change": Explained(
        "a clock change skips or repeats a start",
        (N,),
        "In the next twelve months a named time does not exist, or comes twice, in the zone of the job. What becomes "
        "of it stands beside it.",
    ),
    "drift": Explained(
        "changed on the target, not in Git",
        (C,),
        "Somebody changed these fields on the target. The apply undoes that; to keep it, write it into the definition.",
    ),
    "elevated": Explained(
        "runs elevated",
        (D, C),
        "`executionType: UserElevated`, or `runAs` of root, Administrator or SYSTEM. Dangerous where that is new; "
        "worth a look where what it runs changes.",
    ),
    "fan-out": Explained(
        "takes long to start on all devices",
        (C,),
        "The target takes only so many starts in some time. So the last devices get theirs when the job is due again, "
        "or not before `expireAfterMinutes` lets them expire: name fewer devices, or start it less often.",
    ),
    "held": Explained("held back", (N,), "Nothing is done to it now; the reason stands beside it."),
    "laxer": Explained(
        "fails less easily",
        (C,),
        "Warnings, failed tasks or exit codes that made a run fail no longer do.",
    ),
    "more-often": Explained("starts much more often", (C,), "Four times as many starts a day as before, or more."),
    "more-systems": Explained(
        "runs on more operating systems", (C,), "`osFilter` kept it from systems that it now runs on."
    ),
    "never": Explained(
        "never starts",
        (C,),
        "Its schedule names no instant to come, its `runAt` has passed, or the time of a one-off is over.",
    ),
    "new-host": Explained(
        "sends requests to a new host",
        (C,),
        "An HTTP task asks a host, or by a scheme, that the job did not ask before.",
    ),
    "new-secret": Explained(
        "new secret reference",
        (D,),
        "The job is given a secret that it was not given before: whoever writes its script can read it. A variable "
        "gives it to every script of its account or site.",
    ),
    "no-condition": Explained("its condition is gone", (C,), "It runs where its condition kept it from running."),
    "no-output": Explained(
        "its output is not kept", (C,), "`discardOutput` is new: a report will not say what it wrote."
    ),
    "no-rollout": Explained("no longer in batches", (C,), "Without `rollout` all its devices start at once."),
    "no-timeout": Explained(
        "no time limit",
        (C,),
        "Neither the job nor each of its tasks has `timeoutSeconds`: one that hangs stays, and no later start happens.",
    ),
    "often": Explained("starts very often", (C,), "A new job of a thousand starts a day or more."),
    "overlap": Explained(
        "runs may overlap", (C,), "`overlap: allow` lets runs go side by side, `replace` ends the one under way."
    ),
    "prune": Explained(
        "deleted",
        (D, C),
        "Git no longer declares it. Its history stays; its schedule and its events start nothing any more.",
    ),
    "replace": Explained(
        "deleted and made anew", (C,), "It cannot be changed in place: the target has no such object for a moment."
    ),
    "reruns": Explained("may run twice", (C,), "With `onLost: rerun` a run whose end nobody saw is started again."),
    "resume": Explained("starts again", (C,), "It was disabled or paused, and is not any more."),
    "root-service": Explained(
        "runs as root or SYSTEM",
        (N,),
        "Without `runAs` it has the account of the target's own service, and there that is root or SYSTEM.",
    ),
    "runs-other": Explained(
        "what it runs changes", (N,), "A script, a command, its arguments or values are other ones."
    ),
    "secret-moved": Explained(
        "a secret goes to another place", (C,), "A secret that the job has already is given to another task or name."
    ),
    "secret-removed": Explained("a secret is no longer used", (N,), "The operator may be able to take it back."),
    "secret-used": Explained(
        "what it runs changes, and it is given secrets",
        (C,),
        "The changed script can read the secrets of the job: read it to its end.",
    ),
    "shared-value": Explained(
        "everything that runs there gets another value",
        (C,),
        "The variable belongs to an account or a site: each script that runs there may read it.",
    ),
    "soon": Explained(
        "starts within 5 minutes of the merge",
        (D,),
        "It is new, or does something new, and its first start comes before anybody could take it back. A one-off "
        "starts as soon as it is applied unless `notBefore` says otherwise.",
    ),
    "stops": Explained("no longer starts by itself", (C,), "It had a schedule or events, and has none any more."),
    "suspend": Explained("starts nothing until it is resumed", (C,), "It is disabled, or paused on the target."),
    "together": Explained(
        "starts together with other jobs",
        (C, N),
        "Other jobs of the target start in the minute of its first start: ten or more ask for a look. "
        "`reconciler forecast` shows the whole week.",
    ),
    "unmasked": Explained(
        "no longer hidden", (D,), "The variable was masked: now its value stands in Git and in the portal."
    ),
    "unprotected": Explained("no longer protected", (D,), "Without `protect: true` another commit can delete it."),
    "unseen": Explained(
        "characters that cannot be seen",
        (D, C),
        "Texts of it hold characters that are not shown, or that show what follows in another order than it is read: "
        "what a reviewer sees may not be what runs. Here they are spelled out.",
    ),
    "wider-devices": Explained(
        "wider device set",
        (D, C),
        "The selector admits more devices than before, or may, where nobody could look.",
    ),
}

GUARDS = {
    "GUARD001": Explained(
        "too many deletions", (), "More than 30 % of at least ten objects of a target at once. Allowed by digest."
    ),
    "GUARD002": Explained("no job is declared at all", (), "Then every job would be deleted. Allowed by digest."),
    "GUARD004": Explained("many changes", (), "More than 30 % of at least ten objects of a target. Only a warning."),
}
