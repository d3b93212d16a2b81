"""A small GitHub on this machine: pull requests, comments, statuses, runs and artefacts; it pages, limits and fails.

Shapes and limits as in GitHub's REST API, version 2022-11-28.
"""

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fakes.http import Fault, Reply, Request, serve_faulty

TOKEN = "ghs_token-of-the-workflow"
BOT = "github-actions[bot]"
REPOSITORY = "acme/ops"
LONGEST_BODY = 65_536


@dataclass
class FakeGitHub:
    """``users`` maps token to login; ``faults`` are consumed as requests match; ``requests`` is all that was asked."""

    url: str = ""
    users: dict[str, str] = field(default_factory=lambda: {TOKEN: BOT})
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    files: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    artifacts: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    archives: dict[int, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    before: list[tuple[str, Callable[[], None]]] = field(default_factory=list)
    apps: dict[str, Callable[[str], dict[str, Any]]] = field(default_factory=dict)
    ids: int = 1000

    def next_id(self) -> int:
        self.ids += 1
        return self.ids

    def open_pull(self, number: int, head: str, *, repository: str = REPOSITORY, branch: str = "change") -> None:
        self.pulls[number] = {
            "number": number,
            "state": "open",
            "head": {"sha": head, "ref": branch, "repo": {"full_name": repository}},
            "base": {"sha": "b" * 40, "ref": "main", "repo": {"full_name": REPOSITORY}},
        }
        self.files.setdefault(number, [{"filename": "definitions/jobs/a.yaml"}])
        self.comments.setdefault(number, [])

    def add_run(self, head: str, *, status: str = "completed", conclusion: str = "success", **fields: Any) -> int:
        run = {
            "id": self.next_id(),
            "workflow_id": 7,
            "run_number": len(self.runs) + 1,
            "run_attempt": 1,
            "event": "pull_request",
            "status": status,
            "conclusion": conclusion,
            "head_sha": head,
            "head_branch": "change",
            "head_repository": {"full_name": REPOSITORY},
            "html_url": f"https://github.example/{REPOSITORY}/actions/runs/{len(self.runs) + 1}",
        }
        self.runs.append(run | fields)
        return int(run["id"])

    def add_artifact(self, run: int, data: bytes, *, name: str = "reconciler-plan", file: str = "review.json") -> int:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(file, data)
        return self.add_archive(run, packed.getvalue(), name=name)

    def add_archive(self, run: int, archive: bytes, *, name: str = "reconciler-plan") -> int:
        artifact = self.next_id()
        self.archives[artifact] = archive
        made = {"id": artifact, "name": name, "size_in_bytes": len(archive), "expired": False}
        self.artifacts.setdefault(run, []).append(made | {"created_at": f"2026-01-01T00:{len(self.archives):02}:00Z"})
        return artifact

    def add_comment(self, number: int, author: str, body: str) -> int:
        comment = {"id": self.next_id(), "user": {"login": author}, "body": body}
        comment["html_url"] = f"https://github.example/{REPOSITORY}/pull/{number}#issuecomment-{comment['id']}"
        self.comments[number].append(comment)
        return int(comment["id"])

    def bodies(self, number: int, author: str = BOT) -> list[str]:
        return [item["body"] for item in self.comments[number] if item["user"]["login"] == author]

    def status_of(self, commit: str, context: str = "reconciler/plan") -> tuple[str, str] | None:
        """Return state and description of the newest status, or None."""
        found = [item for item in self.statuses if (item["sha"], item["context"]) == (commit, context)]
        return (found[-1]["state"], found[-1]["description"]) if found else None

    def writes(self) -> list[str]:
        return [f"{item.method} {item.path}" for item in self.requests if item.method != "GET"]

    def answer(self, request: Request) -> Reply:
        for part, action in [item for item in self.before if item[0] in f"{request.method} {request.path}"]:
            self.before.remove((part, action))
            action()
        if request.path.startswith("/store/"):
            assert "authorization" not in request.headers, "the token went to another host"
            return Reply(200, body=self.archives[int(request.path.rpartition("/")[2])])
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token.count(".") == 2:
            return self._answer_app(request, token)
        if token not in self.users:
            return Reply(401, {"message": "Bad credentials"})
        for pattern, method in _ROUTES:
            if found := re.fullmatch(
                f"{request.method} /repos/{REPOSITORY}/{pattern}", f"{request.method} {request.path}"
            ):
                if not method.startswith(request.method.lower()):
                    continue
                return getattr(self, f"_{method}")(request, self.users[token], *found.groups())
        return Reply(404, {"message": "Not Found"})

    def _answer_app(self, request: Request, assertion: str) -> Reply:
        """Answer a GitHub App; ``apps`` maps its id to what checks its assertion and returns the claims."""
        for app, check in self.apps.items():
            assert check(assertion)["iss"] == app
            if request.path == f"/repos/{REPOSITORY}/installation":
                return Reply(200, {"id": 99})
            if f"{request.method} {request.path}" == "POST /app/installations/99/access_tokens":
                self.users["ghs_of-the-app"] = f"app-{app}[bot]"
                return Reply(201, {"token": "ghs_of-the-app"})
        return Reply(401, {"message": "A JSON web token could not be decoded"})

    def _get_pulls(self, request: Request, user: str) -> Reply:
        head, state = request.query.get("head", ""), request.query.get("state", "open")
        found = [
            pull
            for pull in self.pulls.values()
            if pull["state"] == state
            and head in {"", f"{pull['head']['repo']['full_name'].partition('/')[0]}:{pull['head']['ref']}"}
        ]
        return _page(request, found)

    def _get_pull(self, request: Request, user: str, number: str) -> Reply:
        return (
            Reply(200, self.pulls[int(number)]) if int(number) in self.pulls else Reply(404, {"message": "Not Found"})
        )

    def _get_files(self, request: Request, user: str, number: str) -> Reply:
        return _page(request, self.files[int(number)][:3000])

    def _get_comments(self, request: Request, user: str, number: str) -> Reply:
        return _page(request, self.comments[int(number)])

    def _post_comments(self, request: Request, user: str, number: str) -> Reply:
        body = request.json["body"]
        if len(body) > LONGEST_BODY:
            return Reply(422, {"message": "Validation Failed: Body is too long (maximum is 65536 characters)"})
        self.add_comment(int(number), user, body)
        return Reply(201, self.comments[int(number)][-1])

    def _patch_comment(self, request: Request, user: str, comment: str) -> Reply:
        for items in self.comments.values():
            for item in items:
                if item["id"] == int(comment):
                    if len(request.json["body"]) > LONGEST_BODY:
                        return Reply(422, {"message": "Validation Failed: Body is too long"})
                    item["body"] = request.json["body"]
                    return Reply(200, item)
        return Reply(404, {"message": "Not Found"})

    def _delete_comment(self, request: Request, user: str, comment: str) -> Reply:
        for items in self.comments.values():
            items[:] = [item for item in items if item["id"] != int(comment)]
        return Reply(204)

    def _post_statuses(self, request: Request, user: str, commit: str) -> Reply:
        if not re.fullmatch("[0-9a-f]{40}", commit) or len(request.json["description"]) > 140:
            return Reply(422, {"message": f"No commit found for SHA: {commit}"})
        self.statuses.append({"sha": commit} | request.json)
        return Reply(201, self.statuses[-1])

    def _get_statuses(self, request: Request, user: str, commit: str) -> Reply:
        return _page(request, [item for item in reversed(self.statuses) if item["sha"] == commit])

    def _get_run(self, request: Request, user: str, run: str) -> Reply:
        found = [item for item in self.runs if item["id"] == int(run)]
        return Reply(200, found[0]) if found else Reply(404, {"message": "Not Found"})

    def _get_runs(self, request: Request, user: str, workflow: str) -> Reply:
        found = [
            item
            for item in reversed(self.runs)
            if (item["workflow_id"], item["head_sha"]) == (int(workflow), request.query["head_sha"])
            and item["event"] == request.query["event"]
        ]
        return _page(request, found, "workflow_runs")

    def _get_artifacts(self, request: Request, user: str, run: str) -> Reply:
        found = [item for item in self.artifacts.get(int(run), []) if item["name"] == request.query.get("name")]
        return _page(request, found, "artifacts")

    def _get_zip(self, request: Request, user: str, artifact: str) -> Reply:
        return Reply(302, headers={"Location": f"{self.url}/store/{artifact}"})


_ROUTES = [
    ("pulls", "get_pulls"),
    (r"pulls/(\d+)", "get_pull"),
    (r"pulls/(\d+)/files", "get_files"),
    (r"issues/(\d+)/comments", "get_comments"),
    (r"issues/(\d+)/comments", "post_comments"),
    (r"issues/comments/(\d+)", "patch_comment"),
    (r"issues/comments/(\d+)", "delete_comment"),
    (r"statuses/([^/]+)", "post_statuses"),
    (r"commits/([^/]+)/statuses", "get_statuses"),
    (r"actions/runs/(\d+)", "get_run"),
    (r"actions/workflows/(\d+)/runs", "get_runs"),
    (r"actions/runs/(\d+)/artifacts", "get_artifacts"),
    (r"actions/artifacts/(\d+)/zip", "get_zip"),
]


def _page(request: Request, items: list[Any], inside: str = "") -> Reply:
    size, number = int(request.query.get("per_page", "30")), int(request.query.get("page", "1"))
    page = items[(number - 1) * size : number * size]
    return Reply(200, {"total_count": len(items), inside: page} if inside else page)


@contextmanager
def serve_github() -> Iterator[FakeGitHub]:
    made = FakeGitHub()
    with serve_faulty(made.answer, made.faults, made.requests) as url:
        made.url = url
        yield made
