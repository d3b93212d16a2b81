"""Bad files, by the numbers of RELIABILITY section 3, group S: what tries to get out, in, or to hide."""

import pytest
from support.definitions import JOB, PROVIDERS, job_lines, job_with, lines_of, load


def script_file(path):
    return job_with(tasks=f'- {{id: t, scriptFile: "{path}"}}')


def request(url):
    return job_with(tasks=f'- {{id: t, executionType: Http, http: {{url: "{url}"}}}}')


HOSTILE = [
    pytest.param(
        {"jobs/a.yaml": script_file("../x.sh"), "scripts/x.sh": "echo"},
        ["jobs/a.yaml:5:25 PATH001 tasks[0].scriptFile: path must stay inside the repository: `../x.sh`"],
        id="S117-up",
    ),
    pytest.param(
        {"jobs/a.yaml": script_file("/etc/passwd"), "scripts/x.sh": "echo"},
        ["jobs/a.yaml:5:25 PATH001 tasks[0].scriptFile: path must stay inside the repository: `/etc/passwd`"],
        id="S117-absolute",
    ),
    pytest.param(
        {"jobs/a.yaml": script_file("C:\\\\x.ps1"), "scripts/x.sh": "echo"},
        ["jobs/a.yaml:5:25 PATH001 tasks[0].scriptFile: path must stay inside the repository: `C:\\x.ps1`"],
        id="S117-drive",
    ),
    pytest.param(
        {"jobs/a.yaml": script_file("\\\\\\\\host\\\\x"), "scripts/x.sh": "echo"},
        ["jobs/a.yaml:5:25 PATH001 tasks[0].scriptFile: path must stay inside the repository: `\\\\host\\x`"],
        id="S117-unc",
    ),
    pytest.param(
        {"jobs/a.yaml": script_file("file:///x"), "scripts/x.sh": "echo"},
        ["jobs/a.yaml:5:25 PATH001 tasks[0].scriptFile: path must stay inside the repository: `file:///x`"],
        id="S117-url",
    ),
    pytest.param(
        {"jobs/a.yaml": script_file("..%2fx"), "scripts/x.sh": "echo"},
        ["jobs/a.yaml:5:25 PATH001 tasks[0].scriptFile: path must stay inside the repository: `..%2fx`"],
        id="S117-encoded",
    ),
    pytest.param(
        {"jobs/a.yaml": script_file("a//b"), "scripts/x.sh": "echo"},
        ["jobs/a.yaml:5:25 PATH001 tasks[0].scriptFile: a path is written without `.` and empty parts: `a//b`"],
        id="S117-empty-step",
    ),
    pytest.param(
        {"jobs/a.yaml": script_file("./x.sh"), "scripts/x.sh": "echo"},
        ["jobs/a.yaml:5:25 PATH001 tasks[0].scriptFile: a path is written without `.` and empty parts: `./x.sh`"],
        id="S117-dot",
    ),
    pytest.param(
        {"jobs/a.yaml": script_file("scripts/clena.sh"), "scripts/clean.sh": "echo"},
        [
            (
                "jobs/a.yaml:5:25 PATH002 tasks[0].scriptFile: there is no file `scripts/clena.sh`; did you "
                "mean `scripts/clean.sh`?"
            )
        ],
        id="S117-missing",
    ),
    pytest.param(
        {"components/c.yaml": "id: c\nscriptFile: ../../x.sh\n"},
        ["components/c.yaml:2:13 PATH001 scriptFile: path must stay inside the repository: `../../x.sh`"],
        id="S117-of-a-component",
    ),
    pytest.param(
        {"jobs/a.yaml": request("http://169.254.169.254/")},
        [
            (
                "jobs/a.yaml:5:46 HTTP002 tasks[0].http.url: host `169.254.169.254` is not on the "
                "allow-list of target `local`"
            )
        ],
        id="S118-metadata",
    ),
    pytest.param(
        {"jobs/a.yaml": request("http://localhost:80/")},
        [("jobs/a.yaml:5:46 HTTP002 tasks[0].http.url: host `localhost` is not on the allow-list of target `local`")],
        id="S118-localhost",
    ),
    pytest.param(
        {"jobs/a.yaml": request("http://[::1]/")},
        ["jobs/a.yaml:5:46 HTTP002 tasks[0].http.url: host `::1` is not on the allow-list of target `local`"],
        id="S118-ipv6",
    ),
    pytest.param(
        {"jobs/a.yaml": request("http://2130706433/")},
        [("jobs/a.yaml:5:46 HTTP002 tasks[0].http.url: host `2130706433` is not on the allow-list of target `local`")],
        id="S118-decimal",
    ),
    pytest.param(
        {"jobs/a.yaml": request("http://0x7f.1/")},
        [("jobs/a.yaml:5:46 HTTP002 tasks[0].http.url: host `0x7f.1` is not on the allow-list of target `local`")],
        id="S118-hexadecimal",
    ),
    pytest.param(
        {"jobs/a.yaml": request("http://0177.0.0.1/")},
        [("jobs/a.yaml:5:46 HTTP002 tasks[0].http.url: host `0177.0.0.1` is not on the allow-list of target `local`")],
        id="S118-octal",
    ),
    pytest.param(
        {"jobs/a.yaml": request("http://127.1/")},
        [("jobs/a.yaml:5:46 HTTP002 tasks[0].http.url: host `127.1` is not on the allow-list of target `local`")],
        id="S118-short",
    ),
    pytest.param(
        {"jobs/a.yaml": request("http://10.0.0.8/")},
        [("jobs/a.yaml:5:46 HTTP002 tasks[0].http.url: host `10.0.0.8` is not on the allow-list of target `local`")],
        id="S118-private",
    ),
    pytest.param(
        {"jobs/a.yaml": request("http://[::ffff:10.0.0.1]/")},
        [
            (
                "jobs/a.yaml:5:46 HTTP002 tasks[0].http.url: host `::ffff:10.0.0.1` is not on the "
                "allow-list of target `local`"
            )
        ],
        id="S118-mapped",
    ),
    pytest.param(
        {"jobs/a.yaml": request("http://metadata.google.internal/")},
        [
            (
                "jobs/a.yaml:5:46 HTTP002 tasks[0].http.url: host `metadata.google.internal` is not on the "
                "allow-list of target `local`"
            )
        ],
        id="S118-metadata-by-name",
    ),
    pytest.param(
        {"jobs/a.yaml": request("file:///etc/passwd")},
        ["jobs/a.yaml:5:46 HTTP001 tasks[0].http.url: only http and https are allowed, found `file`"],
        id="S118-file",
    ),
    pytest.param(
        {"jobs/a.yaml": request("ftp://example.com/")},
        ["jobs/a.yaml:5:46 HTTP001 tasks[0].http.url: only http and https are allowed, found `ftp`"],
        id="S118-ftp",
    ),
    pytest.param(
        {"jobs/a.yaml": request("https://user:pass@example.com/")},
        ["jobs/a.yaml:5:46 SEC001 tasks[0].http.url: the address holds a login (value not shown)"],
        id="S118-login",
    ),
    pytest.param(
        {"jobs/a.yaml": request("http://[x/")},
        ["jobs/a.yaml:5:46 HTTP001 tasks[0].http.url: the address cannot be read"],
        id="S118-broken",
    ),
    pytest.param(
        {"jobs/a.yaml": request("https:///x")},
        ["jobs/a.yaml:5:46 HTTP001 tasks[0].http.url: the address names no host"],
        id="S118-no-host",
    ),
    pytest.param(
        {"jobs/a.yaml": job_with(tasks="- {id: t, command: x, env: {TOKEN: S3cr3t, dbPassword: hunter2}}")},
        [
            (
                "jobs/a.yaml:5:38 SEC001 tasks[0].env.TOKEN: tasks[0].env.TOKEN looks like a secret; use a "
                "secret reference (value not shown)"
            ),
            (
                "jobs/a.yaml:5:58 SEC001 tasks[0].env.dbPassword: tasks[0].env.dbPassword looks like a "
                "secret; use a secret reference (value not shown)"
            ),
        ],
        id="S119-by-name",
    ),
    pytest.param(
        {
            "jobs/a.yaml": job_with(
                tasks="- {id: t, http: {url: 'https://example.com', headers: {Authorization: Bearer abc}}}"
            )
        },
        [
            (
                "jobs/a.yaml:5:73 SEC001 tasks[0].http.headers.Authorization: "
                "tasks[0].http.headers.Authorization looks like a secret; use a secret reference (value not "
                "shown)"
            )
        ],
        id="S119-in-a-header",
    ),
    pytest.param(
        {
            "jobs/a.yaml": job_with(
                tasks="- {id: t, command: x, arguments: [--password=hunter2, --token, abcdef]}\n"
                "- {id: u, command: x, arguments: '/pwd:hunter2 -x'}"
            )
        },
        [
            (
                "jobs/a.yaml:5:37 SEC001 tasks[0].arguments[0]: tasks[0].arguments[0] looks like a secret; "
                "use a secret reference (value not shown)"
            ),
            (
                "jobs/a.yaml:5:66 SEC001 tasks[0].arguments[2]: tasks[0].arguments[2] looks like a secret; "
                "use a secret reference (value not shown)"
            ),
            (
                "jobs/a.yaml:6:36 SEC001 tasks[1].arguments: tasks[1].arguments looks like a secret; use a "
                "secret reference (value not shown)"
            ),
        ],
        id="S119-in-arguments",
    ),
    pytest.param(
        {"jobs/a.yaml": request("https://example.com/?x=1&token=abc")},
        [
            (
                "jobs/a.yaml:5:46 SEC001 tasks[0].http.url: tasks[0].http.url looks like a secret; use a "
                "secret reference (value not shown)"
            )
        ],
        id="S119-in-an-address",
    ),
    pytest.param(
        {
            "jobs/a.yaml": job_with(
                tasks="- {id: t, command: x, env: {KEY: AKIAIOSFODNN7EXAMPLE}}\n"
                "- {id: u, script: 'x=ghp_0123456789abcdefghijklmnopqrstuvwxyz'}"
            )
        },
        [
            (
                "jobs/a.yaml:5:36 SEC001 tasks[0].env.KEY: tasks[0].env.KEY looks like a secret; use a "
                "secret reference (value not shown)"
            ),
            (
                "jobs/a.yaml:6:21 SEC001 tasks[1].script: tasks[1].script looks like a secret; use a secret "
                "reference (value not shown)"
            ),
        ],
        id="S119-by-shape",
    ),
    pytest.param(
        {
            "components/c.yaml": "id: c\nscript: echo\nvariables: [{name: apiKey, defaultValue: abc}]\n",
            "jobs/a.yaml": "id: a\nschedule: {intervalMinutes: 30}\ncomponent: c\nvariables: {apiKey: def}\n",
        },
        [
            (
                "components/c.yaml:3:42 SEC001 variables[0].defaultValue: variables[0].default looks like a "
                "secret; use a secret reference (value not shown)"
            ),
            (
                "jobs/a.yaml:4:21 SEC001 variables.apiKey: variables.apiKey looks like a secret; use a "
                "secret reference (value not shown)"
            ),
        ],
        id="S119-in-variables",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "parameters: [{name: DB_PASSWORD, default: hunter2}]\n"},
        [
            (
                "jobs/a.yaml:6:43 SEC001 parameters[0].default: parameters[0].default looks like a secret; "
                "use a secret reference (value not shown)"
            )
        ],
        id="S119-in-a-default",
    ),
    pytest.param(
        {
            "targets/t.yaml": (
                "id: t\nprovider: datto\nsettings: {platform: merlot, apiSecret: abc}\nvariables: {token: abc}\n"
            )
        },
        [
            (
                "targets/t.yaml:3:41 SEC001 settings.apiSecret: settings.apiSecret looks like a secret; use "
                "a secret reference (value not shown)"
            ),
            (
                "targets/t.yaml:4:20 SEC001 variables.token: variables.token looks like a secret; use a "
                "secret reference (value not shown)"
            ),
        ],
        id="S119-in-a-target",
    ),
    pytest.param(
        {"jobs/a.yaml": script_file("scripts/x.sh"), "scripts/x.sh": "-----BEGIN RSA PRIVATE KEY-----"},
        ["scripts/x.sh:1:1 SEC001 : the script holds what looks like a secret (value not shown)"],
        id="S119-in-a-script-file",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "$schema: http://example.com/x\n"},
        [("jobs/a.yaml:6:1 KEY005 $schema: `$schema`: schemas and regular expressions cannot be set in a definition")],
        id="S120-schema",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "labels: {$ref: file:///etc/passwd}\nretention: {$ref: file:///etc/passwd}\n"},
        [
            (
                "jobs/a.yaml:7:13 KEY005 retention.$ref: `$ref`: schemas and regular expressions cannot be "
                "set in a definition"
            )
        ],
        id="S120-reference",
    ),
    pytest.param(
        {"jobs/a.yaml": JOB + "parameters: [{name: x, pattern: ^(a+)+$}]\n"},
        [
            (
                "jobs/a.yaml:6:24 KEY005 parameters[0].pattern: `pattern`: schemas and regular expressions "
                "cannot be set in a definition"
            )
        ],
        id="S120-pattern",
    ),
    pytest.param(
        {"jobs/a.yaml": script_file("scripts/x.sh"), "scripts/x.sh": "echo\n# \u202e dna\n"},
        ["scripts/x.sh:2:3 FILE009 : text-direction control U+202E can hide code"],
        id="S-script-with-hidden-text",
    ),
    pytest.param(
        {"jobs/a.yaml": script_file("scripts/x.sh"), "scripts/x.sh": b"echo \xff"},
        ["scripts/x.sh:1:6 FILE006 : byte 0xFF at offset 5 is not UTF-8"],
        id="S-script-not-utf-8",
    ),
    pytest.param(
        {"jobs/a.yaml": job_with(tasks='- {id: t, command: x, arguments: ["a\\0b"], env: {A: "\\0"}}')},
        [
            "jobs/a.yaml:5:37 TASK006 tasks[0].arguments[0]: the text holds the character NUL",
            "jobs/a.yaml:5:55 TASK006 tasks[0].env.A: the text holds the character NUL",
        ],
        id="S-what-no-program-can-be-given",
    ),
    pytest.param(
        {"jobs/a.yaml": job_with(tasks="- {id: t, command: ' '}")},
        ["jobs/a.yaml:5:22 TASK006 tasks[0].command: command is blank"],
        id="S-blank-command",
    ),
    pytest.param(
        {
            "jobs/a.yaml": job_with(
                tasks='- {id: t, http: {url: "https://a.example/", headers: {A: "b\\r\\nX-Admin: 1"}}}'
            )
        },
        ["jobs/a.yaml:5:60 TASK006 tasks[0].http.headers.A: a header is one line"],
        id="S-header-within-a-header",
    ),
    pytest.param(
        {"components/a.yaml": 'id: a\nvariables: [{name: x, defaultValue: "a\\0b"}]\nscript: "echo\\0"\n'},
        [
            "components/a.yaml:2:37 TASK006 variables[0].defaultValue: the text holds the character NUL",
            "components/a.yaml:3:9 TASK006 script: the text holds the character NUL",
        ],
        id="S-component-that-no-program-can-be-given",
    ),
    pytest.param(
        {"jobs/a.yaml": job_with(tasks="- {id: t, command: x, env: {URL: 'postgres://app:hunter2@db/orders'}}")},
        [
            (
                "jobs/a.yaml:5:36 SEC001 tasks[0].env.URL: tasks[0].env.URL looks like a secret; use a secret reference"
                " (value not shown)"
            )
        ],
        id="S119-login-in-an-address",
    ),
    pytest.param(
        {"jobs/a.yaml": job_with(tasks="- {id: t, command: x, env: {RECONCILER_URL: x}}")},
        [("jobs/a.yaml:5:47 PARAM002 tasks[0].env.RECONCILER_URL: `RECONCILER_URL` is set by reconciler itself")],
        id="S-name-with-our-prefix",
    ),
]


@pytest.mark.parametrize(("files", "expected"), HOSTILE)
def test_what_is_hostile_is_refused(files, expected):
    loaded = load(files)
    assert lines_of(loaded) == expected
    assert not loaded.desired.complete


HARMLESS = [
    "$(id)",
    "`id`; rm -rf /",
    "{{7*7}}",
    "{0.__class__}",
    "%PATH%",
    "BEGIN { print $1 }",
    '{"json": [1, 2]}',
    r"\d+ \u202e",
    "a'b\"c",
]


@pytest.mark.parametrize("value", HARMLESS, ids=range(len(HARMLESS)))
def test_s116_values_are_data_and_stay_as_they_are(value):
    quoted = value.replace("'", "''")
    loaded = load({"jobs/a.yaml": job_with(tasks=f"- {{id: t, command: x, arguments: ['{quoted}']}}")})
    assert lines_of(loaded) == []
    assert loaded.desired.jobs["a"].form.tasks[0].arguments == (value,)


@pytest.mark.parametrize("path", ["jobs/shared", "jobs"])
@pytest.mark.parametrize(("mode", "what"), [("120000", "a symbolic link"), ("160000", "a submodule")])
def test_definitions_behind_a_link_do_not_pass_for_deleted(path, mode, what):
    files = {"targets/local.yaml": "id: local\nprovider: local\n", path: "../elsewhere"}
    loaded = load(files, modes={path: mode})
    assert lines_of(loaded) == [f"{path}:0:0 FILE010 : this is {what}; definitions are regular files"]
    assert not loaded.desired.complete


@pytest.mark.parametrize("mode", ["120000", "160000"])
def test_s117_a_link_is_never_followed(mode):
    files = {"jobs/a.yaml": script_file("scripts/x.sh"), "scripts/x.sh": "echo"}
    [line] = lines_of(load(files, modes={"scripts/x.sh": mode}))
    assert "PATH00" in line


def test_s117_a_link_to_a_folder_is_never_followed():
    files = {"jobs/a.yaml": script_file("scripts/x.sh"), "scripts": "/etc"}
    lines = lines_of(load(files, modes={"scripts": "120000"}), with_path=False)
    assert lines == [
        "5:25 PATH001 tasks[0].scriptFile: path must stay inside the repository: `scripts` is a symbolic link"
    ]


@pytest.mark.parametrize("url", ["https://example.com/", "http://8.8.8.8/x", "{KeeperApiBaseUrl}/api/system/status"])
def test_s118_other_hosts_may_be_asked(url):
    assert job_lines(request(url)) == []


def test_s118_a_host_on_the_allow_list_of_the_target_may_be_asked():
    files = {
        "targets/acme.yaml": "id: acme\nprovider: datto\nsettings: {platform: merlot, allowedHosts: [10.0.0.8]}\n",
        "jobs/a.yaml": request("http://10.0.0.8/") + "targets: [acme]\ndevices: {all: true}\n",
    }
    assert lines_of(load(files)) == []


@pytest.mark.parametrize(
    "task",
    [
        "- {id: t, command: x, env: {TOKEN: {secret: NAME}, TOKEN_FILE: /run/x, PASSWORD_LENGTH: '12', KEYBOARD: de}}",
        "- {id: t, command: x, arguments: [--token-file, /run/x, --password, '{key}', --keyboard=de]}",
        "- {id: t, command: x, arguments: 'compass --path=/x -t token'}",
    ],
)
def test_s119_what_is_no_secret_is_let_through(task):
    assert job_lines(job_with(tasks=task, more="parameters: [{name: key}]\n")) == []


def test_a_secret_is_in_no_problem():
    loaded = load({"jobs/a.yaml": job_with(tasks="- {id: t, command: x, env: {TOKEN: S3cr3t, A: 5}}\n- S3cr3t: x")})
    assert loaded.problems
    assert "S3cr3t-value" not in str(loaded.problems)
    assert "S3cr3t`" not in str([problem.hint for problem in loaded.problems])


def test_settings_of_a_target_are_not_shown():
    files = {"targets/t.yaml": "id: t\nprovider: datto\nsettings: {platform: hunter2, pageSize: hunter2}\n"}
    loaded = load(files, providers=PROVIDERS)
    assert len(loaded.problems) == 2
    assert "hunter2" not in str(loaded.problems)
