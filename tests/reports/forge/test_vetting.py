"""What a comment may be made of, when the code of a pull request may have made it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from support.plans import NOW, judged, one_change, twenty_changes, two_thousand_changes
from support.values import make_job

from reconciler.planning.renderings.markdown import render_markdown
from reconciler.reports.forge.review import LONGEST_COMMENT
from reconciler.reports.forge.sticky import MARKER
from reconciler.reports.forge.vetting import vet_markdown

GOOD = """
## Plan: 1 to change

| | Job | Mark |
|---|---|---|
| `~` | `clean` | **danger** |

> [!WARNING]
> 1 guard holds this back.

<details open><summary><code>clean</code> <b>changes</b></summary>

```diff
-@channel http://evil.example #12 <img src=x onerror=alert(1)>
+![x](http://evil.example/x.png)
```

- fires at `02:30`; ~~daily~~
</details>

<sub>digest `3f9a02c1`</sub>
"""


def test_what_our_plans_are_made_of_is_taken():
    assert vet_markdown(MARKER + GOOD) == ""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[click](https://evil.example)", "a link"),
        ("![x](https://evil.example/x.png)", "an image"),
        ("[a]: https://evil.example\n\n[a]", "a link"),
        ("<https://evil.example>", "a link"),
        ("look at https://evil.example", "a link, a mention or a reference"),
        ("look at www.evil.example", "a link, a mention or a reference"),
        ("thanks @security-team", "a link, a mention or a reference"),
        ("thanks &#64;security-team", "a link, a mention or a reference"),
        ("thanks \\@security-team", "a link, a mention or a reference"),
        ("closes #12", "a link, a mention or a reference"),
        ("closes GH-12", "a link, a mention or a reference"),
        ("closes !12", "a link, a mention or a reference"),
        ("> [!WARNING] @channel", "a link, a mention or a reference"),
        ("<details><summary>@channel</summary>", "a link, a mention or a reference"),
        ("<img src=https://evil.example/x.png>", "HTML that our plans do not have"),
        ("text <img src=x>", "HTML that our plans do not have"),
        ("<script>alert(1)</script>", "HTML that our plans do not have"),
        ("<details ontoggle=alert(1)>", "HTML that our plans do not have"),
        ("<div hidden>\n\nthe plan\n\n</div>", "HTML that our plans do not have"),
        ("a <span style='display:none'>b</span>", "HTML that our plans do not have"),
        ("<!-- the plan", "a hidden comment"),
        ("text <!-- the plan --> text", "a hidden comment"),
        (f"text\n{MARKER}", "a hidden comment"),
        ("<?php ?>", "HTML that our plans do not have"),
        ("<![CDATA[x]]>", "HTML that our plans do not have"),
        ("pay\u202egnp.exe", "characters that cannot be seen"),
        ("a\u200bb", "characters that cannot be seen"),
        ("a\x1b[2Jb", "characters that cannot be seen"),
        ("a\rb", "characters that cannot be seen"),
    ],
)
def test_anything_else_is_refused(text, fault):
    assert vet_markdown(f"{MARKER}\n{text}\n") == f"it holds {fault}"


@pytest.mark.parametrize("text", ["no marker", "<!-- reconciler:plan --> and more", " <!-- reconciler:plan -->\n", ""])
def test_the_marker_stands_alone_at_the_beginning(text):
    assert vet_markdown(text) == "it does not begin with our marker"


def test_a_deep_nest_is_no_trouble():
    assert vet_markdown(f"{MARKER}\n{'> ' * 20_000}x") != "crash"


@pytest.mark.parametrize("make_plan", [one_change, twenty_changes, two_thousand_changes])
def test_our_own_plans_are_taken(make_plan):
    plan, facts = make_plan()
    assert vet_markdown(render_markdown(plan, facts, now=NOW, budget=LONGEST_COMMENT)) == ""


FRAGMENTS = (
    *(
        "<!-- x",
        "-->",
        MARKER,
        "```",
        "`",
        "~~~",
        "|",
        "\\|",
        "\\",
        "*",
        "_",
        "$x$",
        "# h",
        "> q",
        "- l",
        "1. x",
        "\n",
        "\n\n",
    ),
    *("@team", "&#64;team", "#12", "!3", "GH-1", "https://e.example", "www.e.example", "[x](y)", "![x](y)"),
    *(
        "<img src=x>",
        "<script>",
        "</code>",
        "<pre>",
        "</pre>",
        "</details>",
        "\r",
        "\t",
        "\u2028",
        "\u202e",
        "\u200b",
        "\x1b[31m",
    ),
    *("::error::", "##[error]", "\ufeff", "\U000e0041", "a" * 300),
)
WORDS = st.lists(
    st.one_of(st.sampled_from(FRAGMENTS), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)), max_size=12
).map("".join)


@settings(max_examples=50, deadline=None)
@given(WORDS, WORDS, WORDS)
def test_no_words_of_a_definition_make_our_own_plan_unfit(first, second, third):
    def with_script(job, script):
        return replace(job, tasks=(replace(job.tasks[0], command=None, script=script),))

    old, script = make_job("old"), make_job("script")
    changed = replace(old, name=first, description=second, labels={third[:50] or "label": first})
    new = with_script(replace(make_job("new"), name=second), "\n".join((first, second, third)))
    before = [old, replace(make_job("gone"), name=third), with_script(script, first + second)]
    plan, facts = judged(before, [changed, new, with_script(script, third + second)])
    assert vet_markdown(render_markdown(plan, facts, now=NOW, budget=LONGEST_COMMENT)) == ""
