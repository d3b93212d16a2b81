import pytest

from reconciler.git.names import check_branch, check_path, check_ref, check_remote, check_sha
from reconciler.model.errors import UsageError

HOSTILE = [
    "",
    "-",
    "--output=x",
    "-u x",
    "--upload-pack=touch x",
    "a..b",
    "a...b",
    "@",
    "@{-1}",
    "main@{1}",
    "main@{upstream}",
    "refs/../../x",
    "../x",
    "./x",
    "/main",
    "main/",
    "a//b",
    ".hidden",
    "a/.hidden",
    "x.lock",
    "x.lock/y",
    "main:definitions",
    ":/fix",
    ":0:file",
    "main^{/fix}",
    "main^{tree}",
    "^main",
    "~1",
    "a b",
    "a\nb",
    "a\0b",
    "a\tb",
    "a\x1b[31m",
    "a\u202eb",
    "a*",
    "a?",
    "a[b",
    "a\\b",
    "FETCH_HEAD",
    "x" * 300,
    "main~1~1~1~1~1~1~1~1~1",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_not_plainly_a_commit_is_refused(text):
    with pytest.raises(UsageError, match="is not a name of a commit"):
        check_ref(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "HEAD",
            "main",
            "feature/x-1",
            "refs/heads/main",
            "origin/main",
            "v1.2",
            "3f9a02c",
            "HEAD~1",
            "HEAD^",
            "main^2~3",
        ),
        *("über/ast", "a#1", "fix+more", "release@2"),
    ],
)
def test_plain_names_pass(text):
    assert check_ref(text) == text


@pytest.mark.parametrize("text", [*HOSTILE, "HEAD", "refs/heads/x", "main~1"])
def test_what_is_not_plainly_a_branch_is_refused(text):
    with pytest.raises(UsageError, match="is not a branch name"):
        check_branch(text)


@pytest.mark.parametrize(
    "text", ["", "-x", "--exec=x", "https://x/y", "git@host:x", "a b", "a..b", "ext::sh", "a/b", "x\n"]
)
def test_what_is_not_plainly_a_remote_is_refused(text):
    with pytest.raises(UsageError, match="is not the name of a remote"):
        check_remote(text)


@pytest.mark.parametrize(
    "text",
    ["", "/", "/etc", "..", "a/../b", "./a", "a/", "a//b", ".git", "a/.GIT/x", "C:\\x", "a\\b", "a\nb", "a\0", "."],
)
def test_what_is_not_plainly_a_path_inside_is_refused(text):
    with pytest.raises(UsageError, match="is not a path inside the repository"):
        check_path(text)


@pytest.mark.parametrize("text", ["", "HEAD", "3f9a02c", "A" * 40, "a" * 41, "a" * 39 + "g", "a" * 40 + "\n"])
def test_only_a_full_commit_id_is_one(text):
    with pytest.raises(UsageError, match="is not a full commit id"):
        check_sha(text)


def test_a_message_cannot_be_forged_by_the_name_in_it():
    with pytest.raises(UsageError) as caught:
        check_ref("x\n::error::all is well\x1b[2J")
    assert str(caught.value) == r"'x\n::error::all is well\x1b[2J' is not a name of a commit"
