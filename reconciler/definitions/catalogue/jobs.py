"""What jobs do: JOB, TASK, PARAM, TOKEN, SEC, HTTP, HOST, LINT, KEEPER and TGT."""

from reconciler.definitions.catalogue.entry import DUMP, Code, Example, code, files, job
from reconciler.model.problem import Severity

_COMPONENT = "id: clean\nvariables: [{name: days, type: number, required: true}]\nscript: echo\n"
_MADE = "id: backup\nevents: [Startup]\ncomponent: clean\nvariables: {values}\n"
_KEEPER = "id: agents\nprovider: keeper\nsettings: {channel: directory, path: /srv/keeper/Jobs}\n"
_ONCE = "id: once\njob: backup\nnotAfter: 2030-01-01T00:00:00Z\n"
_DAYS = "parameters: [{name: days, type: number, default: 30}]"


def _made(values: str) -> dict[str, str | bytes]:
    return {"components/clean.yaml": _COMPONENT, "jobs/backup.yaml": _MADE.replace("{values}", values)}


def _request(url: str) -> str:
    return f"- id: call\n  http: {{url: '{url}'}}"


def _on_account(variable: str) -> Example:
    target = f"id: acme\nprovider: datto\nsettings: {{platform: merlot}}\nvariables: {{{variable}: eu}}\n"
    component = "id: clean\nname: Clean up\nvariables: [{name: region, type: string}]\n"
    job_ = "id: backup\nevents: [Startup]\ntargets: [acme]\ndevices: {all: true}\ncomponent: clean\n"
    return files({"targets/acme.yaml": target, "components/clean.yaml": component, "jobs/backup.yaml": job_})


def _on_keeper(job_id: str) -> str:
    return f"id: {job_id}\nevents: [Startup]\ntargets: [agents]\ntasks:\n{DUMP}\n"


CODES: tuple[Code, ...] = (
    code(
        "JOB001",
        "No platform",
        "osFilter is there and every key of it is false; an omitted key is false. Or osFilter or `devices.os` leaves "
        "out the one system that the component of the job is for, as its osType says.",
        bad=job("osFilter: {windows: false}"),
        good=job("osFilter: {linux: true}"),
    ),
    code(
        "JOB002",
        "An alternate that is never used",
        "The alternate job runs where the condition is not met, and there is no condition.",
        bad=job("alternateJobId: small", jobs__small=f"id: small\nevents: [Startup]\ntasks:\n{DUMP}\n"),
        good=job(
            "alternateJobId: small\ncondition: device.os == 'linux'",
            jobs__small=f"id: small\nevents: [Startup]\ntasks:\n{DUMP}\n",
        ),
        severity=Severity.WARNING,
    ),
    code(
        "JOB003",
        "A condition that only Keeper reads",
        "A condition that is a mapping of Keeper's own form cannot be evaluated by other targets.",
        bad=job("condition: {policyType: Elevation}"),
        good=job("condition: device.os == 'linux'"),
    ),
    code(
        "JOB004",
        "Nothing starts the job",
        "It has neither schedule nor events, no one-off asks for it, and it is no other job's alternate. That is fine"
        " for a job which is started by hand.",
        bad=job(schedule=""),
        good=job(schedule="", runs__once="id: once\njob: backup\n"),
        severity=Severity.WARNING,
    ),
    code(
        "JOB008",
        "An event that is probably misspelt",
        "Startup, runCompleted and runFailed are sent by reconciler itself; any other event is sent with `reconciler"
        " event` or from outside, under exactly the name that the job gives.",
        bad=job("events: [Statup]", schedule=""),
        good=job("events: [Startup]", schedule=""),
        severity=Severity.WARNING,
    ),
    code(
        "JOB005",
        "A condition that cannot be read",
        "A condition is an expression in CEL (cel.dev) that is true or false. There are no map and no filter, + adds"
        " numbers and times only, and the pattern of matches is written out: so its worst cost is known.",
        bad=job("condition: device.os = 'linux'"),
        good=job("condition: device.os == 'linux'"),
    ),
    code(
        "JOB006",
        "A name that conditions do not know",
        "A condition reads device, run, job, event and the job's own parameters, and nothing else.",
        bad=job("condition: device.hostnme == 'db-1'"),
        good=job("condition: device.hostname == 'db-1'"),
    ),
    code(
        "JOB007",
        "A condition that may take too long",
        "What a condition costs at worst is judged before it ever runs: a list may have 256 items, a text 4096"
        " characters. A loop within a loop, or a pattern with large counts, is beyond the limit.",
        bad=job("condition: device.hostname.matches('(.?){1000}x')"),
        good=job("condition: device.hostname.matches('^db-[0-9]{1,3}$')"),
    ),
    code(
        "RUN001",
        "A one-off that was edited after its start",
        "A one-off starts at most once, ever: what its file says now is not what ran, and it does not run again.",
        bad=job(runs__once="id: once\njob: backup\nreason: edited after it ran\n"),
        good=job(runs__once_2="id: once_2\njob: backup\nreason: a new file asks again\n"),
        severity=Severity.WARNING,
        needs_state=True,
    ),
    code(
        "RUN002",
        "Two one-offs that ask for the same",
        "The job runs once for each of them. Where that is meant, reason says what each is for.",
        bad=job(runs__once="id: once\njob: backup\n", runs__again="id: again\njob: backup\n"),
        good=job(runs__once="id: once\njob: backup\n"),
        severity=Severity.WARNING,
        needs_state=True,
    ),
    code(
        "TASK001",
        "A task id used twice",
        "Outputs and reports name tasks by id.",
        bad=job(tasks=f"{DUMP}\n{DUMP}"),
        good=job(),
    ),
    code(
        "TASK002",
        "A task that does nothing",
        "A task has one of command, executablePath, script, scriptFile, http; a component has a script, or a name or"
        " uid by which a target knows it.",
        bad=job(tasks="- id: dump\n  timeoutSeconds: 60"),
        good=job(),
    ),
    code(
        "TASK003",
        "A task that does two things",
        "Give only one of command (with or without executablePath), script, scriptFile, http.",
        bad=job(tasks=f"{DUMP}\n  script: pg_dump"),
        good=job(),
    ),
    code(
        "TASK004",
        "Execution type and action differ",
        "executionType Http makes a request, which http describes; a request has no user's session.",
        bad=job(tasks="- id: call\n  executionType: Http"),
        good=job(tasks=_request("https://example.com/")),
    ),
    code(
        "TASK005",
        "A script type without a script",
        "scriptType says in which language a script is; this task has none.",
        bad=job(tasks=f"{DUMP}\n  scriptType: bash"),
        good=job(),
        severity=Severity.WARNING,
    ),
    code(
        "TASK006",
        "A value that cannot be used",
        "No program can be given a text with the character NUL, no header has a line break, and a blank name starts"
        " nothing.",
        bad=job(tasks='- id: dump\n  command: pg_dump\n  arguments: ["a\\0b"]'),
        good=job(tasks='- id: dump\n  command: pg_dump\n  arguments: ["ab"]'),
    ),
    code(
        "PARAM001",
        "Declared twice",
        "Two parameters or variables have one name.",
        bad=job("parameters: [{name: days}, {name: days}]"),
        good=job("parameters: [{name: days}]"),
    ),
    code(
        "PARAM002",
        "A name with a meaning of its own",
        "Values reach scripts as environment variables. PATH, HOME, LD_..., RECONCILER_... and their like decide which"
        " program runs, or are set by reconciler.",
        bad=job("parameters: [{name: PATH}]"),
        good=job("parameters: [{name: backupPath}]"),
    ),
    code(
        "PARAM003",
        "A value of another type",
        "The declaration says string, number or boolean, and the value is of another type. For variables of components"
        " text that reads as the type is taken, as Datto has it.",
        bad=job("parameters: [{name: days, type: number, default: seven}]"),
        good=job("parameters: [{name: days, type: number, default: 7}]"),
    ),
    code(
        "PARAM004",
        "Not one of the choices",
        "The declaration lists the values that are allowed.",
        bad=job("parameters: [{name: mode, choices: [fast, full], default: slow}]"),
        good=job("parameters: [{name: mode, choices: [fast, full], default: fast}]"),
    ),
    code(
        "PARAM005",
        "Unknown variable",
        "A value is given for a variable that the component, or a parameter that the job, does not have.",
        bad=files(_made("{dayz: 7}")),
        good=files(_made("{days: 7}")),
    ),
    code(
        "PARAM006",
        "A required value is missing",
        "A schedule or an event gives no values, so a required parameter needs a default, and a component's required"
        " variable a value in variables.",
        bad=job("parameters: [{name: days, required: true}]"),
        good=job("parameters: [{name: days, required: true, default: 30}]"),
    ),
    code(
        "PARAM007",
        "Variables without a component",
        "variables holds values for a component. A job with tasks declares parameters with defaults.",
        bad=job("variables: {days: 30}"),
        good=job(_DAYS),
    ),
    code(
        "TOKEN001",
        "Unknown token",
        "{name} stands for a parameter or a built-in value. Braces that are meant are written {{name}}; braces with"
        " anything else in them stay as they are. So does a name that nothing has in ${NAME} and %{name}, in the"
        " arguments of programs that take programs (awk, jq, sh -c, python -c ...) and in the body of a request: there"
        " it is only a warning, and only where it looks like a token that is misspelt.",
        bad=job(_DAYS, tasks='- id: dump\n  command: pg_dump\n  arguments: ["--days={dayz}"]'),
        good=job(_DAYS, tasks='- id: dump\n  command: pg_dump\n  arguments: ["--days={days}"]'),
    ),
    code(
        "TOKEN002",
        "Output of a task that has not run",
        "{tasks.ID.outputs.NAME} names an output of a task that stands before this one.",
        bad=job(tasks='- id: dump\n  command: pg_dump\n  arguments: ["{tasks.scan.outputs.size}"]'),
        good=job(
            tasks="- id: scan\n  command: du\n"
            '- id: dump\n  command: pg_dump\n  arguments: ["{tasks.scan.outputs.size}"]'
        ),
    ),
    code(
        "SEC001",
        "A secret in plain text",
        "By its name or its form this is a secret, and everybody who can read the repository can read it. Write"
        " {secret: NAME}; what NAME stands for is the operator's file outside Git. If the value was pushed, change it.",
        bad=job(tasks=f"{DUMP}\n  env: {{PGPASSWORD: hunter2}}"),
        good=job(tasks=f"{DUMP}\n  env: {{PGPASSWORD: {{secret: orders-db}}}}"),
    ),
    code(
        "HTTP001",
        "An address that cannot be asked",
        "Requests go to http and https addresses that name a host.",
        bad=job(tasks=_request("file:///etc/passwd")),
        good=job(tasks=_request("https://example.com/")),
    ),
    code(
        "HTTP002",
        "A host that is not on the list",
        "A local target asks only the hosts that its settings list; any other asks this machine, private networks"
        " and the metadata service of a cloud only where allowedHosts of its settings has the host.",
        bad=job(tasks=_request("http://169.254.169.254/")),
        good=job(
            tasks=_request("https://example.com/"),
            targets__local="id: local\nprovider: local\nsettings: {http: {allow: [example.com]}}\n",
        ),
    ),
    code(
        "HOST001",
        "A program that this host does not have",
        "Told with --check-host only: of jobs without osFilter, and of those whose osFilter has this system. A job for"
        " other machines says so there.",
        bad=job(tasks="- id: dump\n  command: no-such-program"),
        good=job("osFilter: {windows: true}", tasks="- id: dump\n  command: no-such-program"),
        needs_host=True,
    ),
    code(
        "LINT001",
        "A script that waits for input",
        "Nobody is there to answer a run that a schedule or an event starts; it would wait until its timeout.",
        bad=job(tasks='- id: dump\n  script: read -p "Which database? " name'),
        good=job("parameters: [{name: name, default: orders}]", tasks='- id: dump\n  script: pg_dump "$name"'),
        severity=Severity.WARNING,
    ),
    code(
        "LINT002",
        "A command line for a program's name",
        "command names one program, and no shell takes it apart: what stands after the first space belongs into"
        " arguments.",
        bad=job(tasks="- id: dump\n  command: pg_dump orders"),
        good=job(tasks="- id: dump\n  command: pg_dump\n  arguments: [orders]"),
        severity=Severity.WARNING,
    ),
    code(
        "KEEPER001",
        "A topic that the agent drops",
        "A Keeper agent silently drops what is published to a topic outside of mqttTopics.allowedPublications.",
        bad=job("eventTopic: Jobs/backup/events"),
        good=job("eventTopic: Jobs/backup/events\nmqttTopics: {allowedPublications: [Jobs/backup/events]}"),
        severity=Severity.WARNING,
    ),
    code(
        "KEEPER002",
        "A task field that only Keeper reads",
        "On targets of other providers it has no effect.",
        bad=job(tasks=f"{DUMP}\n  MergeStdoutJsonIntoContext: true"),
        good=job(
            "targets: [agents]\ndevices: {all: true}",
            tasks=f"{DUMP}\n  MergeStdoutJsonIntoContext: true",
            targets__agents=_KEEPER,
        ),
        severity=Severity.INFORMATION,
    ),
    code(
        "KEEPER003",
        "An id that a Keeper job cannot have",
        "The id is a file's name on every agent: letters and digits with hyphens between them, none of Windows' own"
        " names, and no job that comes with the agent.",
        bad=files({"jobs/back_up.yaml": _on_keeper("back_up"), "targets/agents.yaml": _KEEPER}),
        good=files({"jobs/back-up.yaml": _on_keeper("back-up"), "targets/agents.yaml": _KEEPER}),
    ),
    code(
        "KEEPER004",
        "A schedule that a Keeper job file cannot say",
        "A job file has an interval, five numeric cron fields, a UTC instant or a calendar, and nothing about zones,"
        " jitter, missed instants or a span. Cron and calendar are read in the agents' own zone, which the target's"
        " settings name.",
        bad=job("targets: [agents]", schedule="intervalMinutes: 30\njitterSeconds: 60", targets__agents=_KEEPER),
        good=job("targets: [agents]", targets__agents=_KEEPER),
    ),
    code(
        "KEEPER005",
        "A task that a Keeper job file cannot say",
        "A task names a program on the agent, by name in Jobs/bin or by its whole path, with one line of arguments."
        " Scripts, requests, environment and working directory have no documented place.",
        bad=job("targets: [agents]", tasks="- id: dump\n  script: pg_dump", targets__agents=_KEEPER),
        good=job("targets: [agents]", targets__agents=_KEEPER),
    ),
    code(
        "KEEPER006",
        "Braces that a Keeper agent does not fill in",
        "The agent knows the job's parameters and KeeperApiBaseUrl; how braces that are meant are written is not"
        " documented.",
        bad=job(
            "targets: [agents]",
            tasks='- id: dump\n  command: pg_dump\n  arguments: ["{run.uid}"]',
            targets__agents=_KEEPER,
        ),
        good=job(
            "targets: [agents]",
            tasks='- id: dump\n  command: pg_dump\n  arguments: ["{KeeperApiBaseUrl}"]',
            targets__agents=_KEEPER,
        ),
    ),
    code(
        "TGT001",
        "A target that cannot do this",
        "What a target cannot express is refused when definitions are checked, and never left out silently when they"
        " are applied.",
        bad=job("runAs: postgres"),
        good=job(),
    ),
    code(
        "TGT002",
        "Without effect on this target",
        "Another vendor's target reads this field; this one passes it over.",
        bad=job("mqttTopics: {allowedPublications: [KeeperLogger]}"),
        good=job(),
        severity=Severity.INFORMATION,
    ),
    code(
        "TGT003",
        "A one-off where nobody can be asked",
        "This target holds its jobs and starts them by itself; there is no way to ask it for a run.",
        bad=job("targets: [agents]", targets__agents=_KEEPER, runs__once=_ONCE),
        good=job("targets: [agents, local]", targets__agents=_KEEPER, runs__once=_ONCE + "targets: [local]\n"),
    ),
    code(
        "TGT004",
        "A job that never runs on this target",
        "Its osFilter leaves out the systems that the target serves, so it is applied and never starts there.",
        bad=job("osFilter: {windows: true}"),
        good=job("osFilter: {linux: true}"),
        severity=Severity.INFORMATION,
    ),
    code(
        "TGT005",
        "A folder of two targets",
        "Each target rewrites and deletes what is its own in its folder: two in one would undo each other's work.",
        bad=files({"targets/agents.yaml": _KEEPER, "targets/more.yaml": _KEEPER.replace("agents", "more")}),
        good=files(
            {
                "targets/agents.yaml": _KEEPER,
                "targets/more.yaml": _KEEPER.replace("agents", "more").replace("srv", "mnt"),
            }
        ),
    ),
    code(
        "TGT006",
        "A variable of the account that is not seen",
        "An input of a component hides a variable of the account or the site that has its name, even when the input is"
        " empty, so the script never gets the other value.",
        bad=_on_account("region"),
        good=_on_account("days"),
        severity=Severity.WARNING,
    ),
)
