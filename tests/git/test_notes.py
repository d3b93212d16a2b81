import pytest

from reconciler.git import notes
from reconciler.git.notes import append_lines, merge_notes


@pytest.fixture(autouse=True)
def three_lines(monkeypatch):
    monkeypatch.setattr(notes, "MOST_LINES", 3)


def note(*lines, folded=0):
    return "".join(f"{line}\n" for line in [*[f"({folded} earlier, in the reports)"] * bool(folded), *lines])


@pytest.mark.parametrize(
    ("before", "lines", "after"),
    [
        pytest.param("", ["a"], note("a"), id="new"),
        pytest.param(note("a"), ["b"], note("a", "b"), id="behind"),
        pytest.param(note("a"), ["a", "b", "b", ""], note("a", "b"), id="nothing twice"),
        pytest.param(note("a", "b"), ["c", "d"], note("b", "c", "d", folded=1), id="the oldest are folded"),
        pytest.param(note("b", folded=7), ["c", "d", "e"], note("c", "d", "e", folded=8), id="folds add up"),
        pytest.param("by hand, no line end", ["b"], note("by hand, no line end", "b"), id="a line by hand stays"),
    ],
)
def test_append(before, lines, after):
    assert append_lines(before, lines) == after


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "merged"),
    [
        pytest.param("", note("a"), note("b"), note("b", "a"), id="both began"),
        pytest.param(note("x"), note("x", "a"), note("x", "b"), note("x", "b", "a"), id="both appended"),
        pytest.param(note("x"), note("x", "a"), note("x", "a"), note("x", "a"), id="both the same"),
        pytest.param(
            note("x", "y", "z"),
            note("y", "z", "a", folded=1),
            note("y", "z", "b", folded=1),
            note("z", "b", "a", folded=2),
            id="both folded the same line",
        ),
        pytest.param(
            note("x"),
            note("b", "c", "d", folded=2),
            note("x", "e"),
            note("b", "c", "d", folded=3),
            id="ours folded one of its own: x, e and a are told by number",
        ),
    ],
)
def test_merge(base, ours, theirs, merged):
    assert merge_notes(base=base, ours=ours, theirs=theirs) == merged


def test_no_run_is_lost_in_the_count():
    base = note("x", "y", folded=5)
    ours = append_lines(base, ["a1", "a2", "a3", "a4"])
    theirs = append_lines(base, ["b1", "b2"])
    merged = merge_notes(base=base, ours=ours, theirs=theirs)
    assert merged == note("a2", "a3", "a4", folded=10)
