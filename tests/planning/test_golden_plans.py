"""What a reviewer sees, to the byte: look at the difference before you write these files anew."""

import pytest
from support.plans import NOW, one_change, twenty_changes, two_thousand_changes

from reconciler.planning.renderings.html import render_html
from reconciler.planning.renderings.markdown import render_markdown
from reconciler.planning.renderings.text import render_plan


@pytest.mark.parametrize(("make", "name"), [(one_change, "1"), (twenty_changes, "20"), (two_thousand_changes, "2000")])
def test_the_comment_of_a_pull_request(make, name, golden):
    golden(render_markdown(*make(), now=NOW), f"plan-{name}.md")


@pytest.mark.parametrize(("make", "name"), [(one_change, "1"), (twenty_changes, "20")])
def test_the_text_of_a_terminal(make, name, golden):
    golden(render_plan(*make()), f"plan-{name}.txt")


def test_the_page(golden):
    golden(render_html(*one_change(), now=NOW), "plan-1.html")
