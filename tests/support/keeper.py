"""A folder that Keeper agents read, as a target of a project."""

import json


def add_agents(project, folder, **more):
    """Declare the target `agents`, whose jobs are files in ``folder``, and return that folder."""
    folder.mkdir(exist_ok=True)
    settings = {"channel": "directory", "path": str(folder), **more}
    definition = {"id": "agents", "provider": "keeper", "settings": settings}
    project.repo.write("definitions/targets/agents.json", json.dumps(definition))
    return folder


def edit(path, **fields):
    """Change fields of a job file, as somebody does by hand."""
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
