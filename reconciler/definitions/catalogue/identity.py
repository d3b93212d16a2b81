"""Ids and references: ID, REF, DEV and PATH."""

from reconciler.definitions.catalogue.entry import DUMP, Code, code, files, job

_JOB = f"id: {{id}}\nevents: [Startup]\ntasks:\n{DUMP}\n"
_ACME = "id: acme\nprovider: datto\nsettings: {platform: merlot}\n"
_WITH_CONDITION = "condition: device.os == 'linux'\nalternateJobId: {id}"
_SCRIPT_TASK = "- id: clean\n  scriptFile: {path}"


CODES: tuple[Code, ...] = (
    code(
        "ID001",
        "Empty id",
        "Every definition has an id, and it is the file's name without the ending.",
        bad=files({"jobs/backup.yaml": _JOB.replace("{id}", '""')}),
        good=job(),
    ),
    code(
        "ID002",
        "Characters that an id cannot have",
        "Ids are file names on every system and parts of addresses: letters, digits, - _ and . are allowed.",
        bad=files({"jobs/back up.yaml": _JOB.replace("{id}", "back up")}),
        good=job(),
    ),
    code(
        "ID003",
        "Letters outside of ASCII in an id",
        "Letters of other scripts can look like Latin ones: two ids would look the same and be different.",
        bad=files({"jobs/b\u0430ckup.yaml": _JOB.replace("{id}", "b\u0430ckup")}),
        good=job(),
    ),
    code(
        "ID004",
        "The id is not the file's name",
        "Keeper's rule, kept here: the id equals the file's name without its ending. A job that is to have another id"
        " keeps its history with previousId.",
        bad=files({"jobs/backup.yaml": _JOB.replace("{id}", "backup-db")}),
        good=files({"jobs/backup-db.yaml": _JOB.replace("{id}", "backup-db")}),
    ),
    code(
        "ID005",
        "An id that another file has",
        "Ids are unique in their folder, without regard to case: on some systems Backup.yaml and backup.yaml are one"
        " file. None of the files is applied until it is clear which one is meant.",
        bad=files(
            {
                "jobs/Backup.yaml": _JOB.replace("{id}", "Backup"),
                "jobs/db/backup.yaml": _JOB.replace("{id}", "backup"),
            }
        ),
        good=job(),
    ),
    code(
        "REF001",
        "Unknown alternate job",
        "alternateJobId names a job that no file declares.",
        bad=job(_WITH_CONDITION.replace("{id}", "backup-smal")),
        good=job(_WITH_CONDITION.replace("{id}", "small"), jobs__small=_JOB.replace("{id}", "small")),
    ),
    code(
        "REF002",
        "Alternates in a circle",
        "Each job's alternate would run because the other's condition is not met, for ever.",
        bad=job(_WITH_CONDITION.replace("{id}", "backup")),
        good=job(_WITH_CONDITION.replace("{id}", "small"), jobs__small=_JOB.replace("{id}", "small")),
    ),
    code(
        "REF003",
        "Unknown target",
        "The job is to be applied to a target that no file in targets/ declares.",
        bad=job("targets: [acme]"),
        good=job("targets: [acme]\ndevices: {all: true}", targets__acme=_ACME),
    ),
    code(
        "REF004",
        "Unknown component, or one without a script",
        "The job names a component that no file declares, or that has no script although this machine is to run it.",
        bad=files({"jobs/backup.yaml": "id: backup\nevents: [Startup]\ncomponent: dump\n"}),
        good=files(
            {
                "jobs/backup.yaml": "id: backup\nevents: [Startup]\ncomponent: dump\n",
                "components/dump.yaml": "id: dump\nscript: pg_dump\n",
            }
        ),
    ),
    code(
        "REF005",
        "Unknown provider",
        "A target's provider is the kind of system that it is; `local` is always this machine.",
        bad=files({"targets/acme.yaml": _ACME.replace("datto", "dato")}),
        good=files({"targets/acme.yaml": _ACME}),
    ),
    code(
        "REF006",
        "previousId of a job that is still there",
        "previousId hands the history of one job to another, so the old one must be gone, and one job can take it.",
        bad=job("previousId: old", jobs__old=_JOB.replace("{id}", "old")),
        good=job("previousId: old"),
    ),
    code(
        "REF007",
        "A vendor's field without that vendor's target",
        "datto, psu, keeper and salt hold what only that vendor knows; no target of this job would read it.",
        bad=job("psu: {computerGroup: servers}"),
        good=job(),
    ),
    code(
        "REF008",
        "Unknown job of a one-off",
        "A file in runs/ asks for a job that no file declares.",
        bad=files({"runs/once.yaml": "id: once\njob: backup\n"}),
        good=job(runs__once="id: once\njob: backup\n"),
    ),
    code(
        "REF009",
        "Alternate job that is not on the target",
        "An alternate runs where the job would have run, on the same target and device: it must be declared there.",
        bad=job(
            _WITH_CONDITION.replace("{id}", "small") + "\ntargets: [local, acme]\ndevices: {all: true}",
            targets__acme=_ACME,
            jobs__small=_JOB.replace("{id}", "small"),
        ),
        good=job(_WITH_CONDITION.replace("{id}", "small"), jobs__small=_JOB.replace("{id}", "small")),
    ),
    code(
        "DEV001",
        "Devices that select nothing",
        "An empty selector could mean none or all. Every device is said outright: all: true.",
        bad=job("devices: {max: 5}"),
        good=job("devices: {all: true, max: 5}"),
    ),
    code(
        "DEV002",
        "All devices, and some",
        "all: true selects every device; the other keys narrow the selection. Keep one.",
        bad=job("devices: {all: true, tags: [db]}"),
        good=job("devices: {tags: [db]}"),
    ),
    code(
        "DEV003",
        "Devices missing",
        "Every target but this machine has many devices: it must be said which ones are meant.",
        bad=job("targets: [acme]", targets__acme=_ACME),
        good=job('targets: [acme]\ndevices: {hostnames: ["ACME-DC*"]}', targets__acme=_ACME),
    ),
    code(
        "PATH001",
        "A path out of the repository",
        "Script files are regular files below the definitions folder of the same commit; no link is followed.",
        bad=job(tasks=_SCRIPT_TASK.replace("{path}", "../clean.sh")),
        good=files(
            {
                "jobs/backup.yaml": f"id: backup\nevents: [Startup]\ntasks:\n{_SCRIPT_TASK}\n".replace(
                    "{path}", "scripts/clean.sh"
                ),
                "scripts/clean.sh": "echo clean\n",
            }
        ),
    ),
    code(
        "PATH002",
        "No such script file",
        "The path is relative to the definitions folder, and the file must be in the same commit.",
        bad=job(tasks=_SCRIPT_TASK.replace("{path}", "clean.sh")),
        good=job(),
    ),
    code(
        "PATH003",
        "Script too large",
        "A script has at most 1 MB: it travels with every run.",
        bad=files(
            {
                "jobs/backup.yaml": f"id: backup\nevents: [Startup]\ntasks:\n{_SCRIPT_TASK}\n".replace(
                    "{path}", "scripts/clean.sh"
                ),
                "scripts/clean.sh": "#" * (1024 * 1024 + 1),
            }
        ),
        good=job(),
    ),
)
