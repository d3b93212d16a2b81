"""A small runner for workflows and composite actions: runs each `run:` step for real, and calls us for `uses:`."""

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_TOKENS = re.compile(r"\s*(?:('(?:[^']|'')*')|([A-Za-z_][\w.-]*)(\(\))?|(&&|\|\||==|!=|!|\(|\)))")

Uses = Callable[["Runner", Mapping[str, str]], None]


@dataclass
class Step:
    """What a step left behind; ``code`` is None where it was skipped."""

    name: str
    code: int | None = None
    out: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


class Runner:
    """``contexts`` are those of expressions; ``uses`` maps the name of an action, without its version, to what it does.

    The environment is empty but for PATH, what GitHub sets, and ``environment``.
    """

    def __init__(
        self, workspace: Path, *, contexts: dict[str, Any], uses: Mapping[str, Uses], environment: Mapping[str, str]
    ) -> None:
        self.workspace = workspace
        self.contexts = contexts
        self.uses = uses
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(workspace), "LANG": "C.UTF-8"} | dict(environment)
        self.steps: list[Step] = []
        self.summary = ""
        self.has_failed = False

    def run_job(self, path: Path, job: str) -> None:
        """Run the steps of a job, unless its `if` says no."""
        definition = yaml.safe_load(path.read_text())["jobs"][job]
        if "if" not in definition or self.evaluate(definition["if"]):
            self._run_steps(definition["steps"], self.contexts)

    def run_action(self, folder: Path, given: Mapping[str, str]) -> dict[str, str]:
        """Run a composite action; return its outputs."""
        action = yaml.safe_load((folder / "action.yml").read_text())
        defaults = {name: self.expand(str(known.get("default", ""))) for name, known in action["inputs"].items()}
        inputs = defaults | dict(given)
        assert not set(given) - set(defaults), "an input that the action does not have"
        contexts = self.contexts | {"inputs": inputs, "steps": {}}
        contexts["github"] = contexts["github"] | {"action_path": str(folder)}
        self._run_steps(action["runs"]["steps"], contexts)
        return {name: self.expand(item["value"], contexts) for name, item in action.get("outputs", {}).items()}

    def _run_steps(self, steps: list[dict[str, Any]], contexts: dict[str, Any]) -> None:
        for step in steps:
            made = Step(name=step.get("name") or step.get("uses", ""))
            condition = str(step.get("if", "success()"))
            if "always()" not in condition and self.has_failed:
                continue
            if "if" in step and not self.evaluate(condition, contexts):
                continue
            if "run" in step:
                self._run_shell(step, made, contexts)
                self.steps.append(made)
            else:
                given = {name: self.expand(_text(value), contexts) for name, value in step.get("with", {}).items()}
                self._use(step["uses"], given)
            if "id" in step:
                contexts.setdefault("steps", {})[step["id"]] = {"outputs": made.outputs}

    def _use(self, name: str, given: Mapping[str, str]) -> None:
        if name.startswith("./"):
            self.run_action(self.workspace / name, given)
            return
        action, _, version = name.partition("@")
        assert re.fullmatch("[0-9a-f]{40}", version), f"{name} is not pinned"
        self.uses[action](self, given)

    def _run_shell(self, step: dict[str, Any], made: Step, contexts: dict[str, Any]) -> None:
        assert "${{" not in step["run"], "an expression in a script"
        output, summary = self.workspace / ".output", self.workspace / ".summary"
        for file in (output, summary):
            file.write_text("")
        environment = self.environment | {
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_ACTIONS": "true",
            "CI": "true",
            **{name: self.expand(_text(value), contexts) for name, value in step.get("env", {}).items()},
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.workspace,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        made.code, made.out = done.returncode, done.stdout.decode()
        made.outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
        self.summary += summary.read_text()
        self.has_failed = self.has_failed or done.returncode != 0

    def expand(self, text: str, contexts: dict[str, Any] | None = None) -> str:
        """Return ``text`` with its expressions replaced by what they stand for."""
        return re.sub(r"\$\{\{(.*?)\}\}", lambda found: _text(self.evaluate(found[1], contexts)), text)

    def evaluate(self, text: str, contexts: dict[str, Any] | None = None) -> Any:
        """Return the value of an expression: names, texts, `==`, `!=`, `!`, `&&`, `||`, parentheses, `always()`."""
        tokens = list(_TOKENS.finditer(text.strip()))
        assert "".join(token[0] for token in tokens).replace(" ", "") == text.replace(" ", ""), text
        parser = _Parser([(token[1], token[2], token[4]) for token in tokens], contexts or self.contexts)
        return parser.either()


class _Parser:
    def __init__(self, tokens: list[tuple[str | None, str | None, str | None]], contexts: Mapping[str, Any]) -> None:
        self.tokens = tokens
        self.contexts = contexts

    def _take(self, sign: str) -> bool:
        if self.tokens and self.tokens[0][2] == sign:
            del self.tokens[0]
            return True
        return False

    def either(self) -> Any:
        value = self._both()
        while self._take("||"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> Any:
        value = self._compared()
        while self._take("&&"):
            other = self._compared()
            value = other if value else value
        return value

    def _compared(self) -> Any:
        value = self._single()
        if self._take("=="):
            return _text(value) == _text(self._single())
        if self._take("!="):
            return _text(value) != _text(self._single())
        return value

    def _single(self) -> Any:
        if self._take("!"):
            return not self._single()
        if self._take("("):
            value = self.either()
            assert self._take(")")
            return value
        text, name, _ = self.tokens.pop(0)
        if text is not None:
            return text[1:-1].replace("''", "'")
        assert name is not None
        return True if name in {"always", "success"} else _look_up(self.contexts, name)


def _look_up(contexts: Mapping[str, Any], name: str) -> Any:
    value: Any = contexts
    for part in name.split("."):
        value = value.get(part, "") if isinstance(value, Mapping) else ""
    return value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
