from support.values import make_job

from reconciler.model.change import FieldChange
from reconciler.model.job import Task
from reconciler.planning.diff import diff_forms


def test_a_change_within_a_task_is_told_by_its_own_path():
    before = make_job("a", tasks=(Task(id="one", command="true"), Task(id="two", command="true")))
    after = make_job("a", tasks=(Task(id="one", command="true"), Task(id="two", command="false")))
    assert diff_forms(before, after) == (FieldChange("tasks[1].command", "true", "false"),)
