"""A small GitLab on this machine: merge requests, their notes, statuses of commits; shapes as in its REST API v4."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fakes.http import Fault, Reply, Request, serve_faulty

TOKEN = "glpat-token-of-the-project"
BOT = "project_7_bot"
PROJECT = "7"


@dataclass
class FakeGitLab:
    url: str = ""
    users: dict[str, str] = field(default_factory=lambda: {TOKEN: BOT})
    requests_open: dict[int, dict[str, Any]] = field(default_factory=dict)
    notes: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    ids: int = 1000

    def open_request(self, number: int, head: str) -> None:
        self.requests_open[number] = {
            "iid": number,
            "state": "opened",
            "sha": head,
            "source_project_id": 7,
            "target_project_id": 7,
            "source_branch": "change",
            "target_branch": "main",
        }
        self.notes.setdefault(number, [])

    def add_note(self, number: int, author: str, body: str, *, system: bool = False) -> dict[str, Any]:
        self.ids += 1
        self.notes[number].append({"id": self.ids, "author": {"username": author}, "body": body, "system": system})
        return self.notes[number][-1]

    def bodies(self, number: int, author: str = BOT) -> list[str]:
        return [note["body"] for note in self.notes[number] if note["author"]["username"] == author]

    def answer(self, request: Request) -> Reply:
        user = self.users.get(request.headers.get("private-token", ""))
        if user is None:
            return Reply(401, {"message": "401 Unauthorized"})
        if request.path == "/user":
            return Reply(200, {"username": user})
        for method, pattern, answer in (
            ("GET", r"merge_requests/(\d+)", self._request),
            ("GET", r"merge_requests/(\d+)/notes", self._notes),
            ("POST", r"merge_requests/(\d+)/notes", self._add),
            ("PUT", r"merge_requests/(\d+)/notes/(\d+)", self._edit),
            ("DELETE", r"merge_requests/(\d+)/notes/(\d+)", self._drop),
            ("POST", r"statuses/([^/]+)", self._set_status),
        ):
            found = re.fullmatch(f"/projects/{PROJECT}/{pattern}", request.path)
            if found and method == request.method:
                return answer(request, user, *found.groups())
        return Reply(404, {"message": "404 Not found"})

    def _request(self, request: Request, user: str, number: str) -> Reply:
        return Reply(200, self.requests_open[int(number)])

    def _notes(self, request: Request, user: str, number: str) -> Reply:
        size, page = int(request.query["per_page"]), int(request.query["page"])
        return Reply(200, self.notes[int(number)][(page - 1) * size : page * size])

    def _add(self, request: Request, user: str, number: str) -> Reply:
        return Reply(201, self.add_note(int(number), user, request.json["body"]))

    def _edit(self, request: Request, user: str, number: str, note: str) -> Reply:
        found = next(item for item in self.notes[int(number)] if item["id"] == int(note))
        found["body"] = request.json["body"]
        return Reply(200, found)

    def _drop(self, request: Request, user: str, number: str, note: str) -> Reply:
        self.notes[int(number)] = [item for item in self.notes[int(number)] if item["id"] != int(note)]
        return Reply(204)

    def _set_status(self, request: Request, user: str, commit: str) -> Reply:
        last = [item for item in self.statuses if (item["sha"], item["name"]) == (commit, request.json["name"])]
        if last and last[-1]["status"] == request.json["state"]:
            message = f"Cannot transition status via :{request.json['state']} from :{last[-1]['status']}"
            return Reply(400, {"message": message})
        made = {"sha": commit, "name": request.json["name"], "status": request.json["state"]}
        self.statuses.append(made | {"description": request.json["description"]})
        return Reply(201, self.statuses[-1])


@contextmanager
def serve_gitlab() -> Iterator[FakeGitLab]:
    made = FakeGitLab()
    with serve_faulty(made.answer, made.faults, made.requests) as url:
        made.url = url
        yield made
