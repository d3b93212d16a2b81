"""Verdicts kept between runs: they spare work, and change nothing."""

import random
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.definitions import JOB, NOW, PROVIDERS, tree_of

from reconciler.definitions import program
from reconciler.definitions import verdicts as room
from reconciler.definitions.checked import check_file
from reconciler.definitions.folder import read_folder
from reconciler.definitions.load import load_definitions
from reconciler.definitions.verdicts import VerdictFile
from reconciler.model.forms import Kind, encode_form
from reconciler.model.settings import Settings

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(tree, verdicts=None):
    return load_definitions(tree, settings=Settings(), providers=PROVIDERS, now=NOW, verdicts=verdicts)


def load_twice(tree, path):
    """Load with verdicts that are made, then with those that were kept."""
    results = []
    for _ in range(2):
        verdicts = VerdictFile(path)
        results.append(load(tree, verdicts))
        verdicts.save()
    return results


def contents_of(root):
    tree = read_folder(EXAMPLES, root=root)
    files = [file for file in tree.files if file.mode.startswith("100")]
    return dict(zip([file.path.removeprefix(f"{root}/") for file in files], tree.read(files), strict=True))


@pytest.mark.parametrize("root", ["valid", "invalid"])
def test_the_examples_are_the_same_with_and_without(tmp_path, root):
    tree = tree_of(contents_of(root))
    expected = load(tree)
    assert load_twice(tree, tmp_path / "verdicts") == [expected, expected]


@pytest.mark.parametrize("root", ["valid", "invalid"])
def test_what_is_kept_is_what_was_found(tmp_path, root):
    """Digests are made of forms, so that forms must be the same to the byte."""
    for path, data in contents_of(root).items():
        kind = next((kind for kind in Kind if path.startswith(f"{kind.folder}/")), None)
        if kind is None:
            continue
        name = path.rpartition("/")[2]
        checked = check_file(kind, name, data)
        kept = VerdictFile(tmp_path / "verdicts")
        kept.keep(kind, name, "b", checked)
        kept.save()
        found = VerdictFile(tmp_path / "verdicts").find(kind, name, "b")
        assert found == checked
        assert found.form is None or encode_form(found.form) == encode_form(checked.form)
        (tmp_path / "verdicts").unlink()


@pytest.mark.parametrize("seed", range(6))
def test_mutated_renamed_and_removed_files_are_the_same_with_and_without(tmp_path, seed):
    chance = random.Random(seed)
    files = contents_of("valid") | contents_of("invalid")
    for _ in range(8):
        path = chance.choice(sorted(files))
        data = files[path]
        match chance.randrange(4):
            case 0 if data:
                at = chance.randrange(len(data))
                files[path] = data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
            case 1:
                folder, _, name = path.rpartition("/")
                files[f"{folder}/x{name}"] = files.pop(path)
            case 2:
                del files[path]
            case _:
                other = chance.choice(sorted(files))
                files[path], files[other] = files[other], files[path]
        tree = tree_of(files)
        verdicts = VerdictFile(tmp_path / "verdicts")
        assert load(tree, verdicts) == load(tree)
        verdicts.save()


def test_the_same_content_under_another_name_or_kind_is_judged_anew(tmp_path):
    tree = tree_of({"jobs/a.yaml": JOB, "jobs/b.yaml": JOB, "components/a.yaml": JOB, "jobs/a.json": JOB})
    first, second = load_twice(tree, tmp_path / "verdicts")
    assert first == second == load(tree)
    assert len({problem.path for problem in first.problems}) >= 3


def test_a_second_run_reads_no_file(tmp_path):
    tree = tree_of({"jobs/a.yaml": JOB, "jobs/b.yaml": JOB.replace("id: a", "id: b")})
    load_twice(tree, tmp_path / "verdicts")
    asked = []
    watched = replace(tree, read=lambda files: asked.extend(files) or [])
    assert not load(watched, VerdictFile(tmp_path / "verdicts")).problems
    assert asked == []


def test_checks_across_files_are_made_again(tmp_path):
    job = JOB + "alternateJobId: b\ncondition: 'true'\n"
    with_other = tree_of({"jobs/a.yaml": job, "jobs/b.yaml": JOB.replace("id: a", "id: b")})
    load_twice(with_other, tmp_path / "verdicts")
    codes = [
        problem.code for problem in load(tree_of({"jobs/a.yaml": job}), VerdictFile(tmp_path / "verdicts")).problems
    ]
    assert "REF001" in codes


def test_another_program_takes_nothing_over(tmp_path, monkeypatch):
    tree = tree_of({"jobs/a.yaml": JOB})
    load_twice(tree, tmp_path / "verdicts")
    monkeypatch.setattr(program, "tzdata_version", lambda: "2099z")
    newer = VerdictFile(tmp_path / "verdicts")
    assert newer.find(Kind.JOB, "a.yaml", tree.files[0].blob) is None
    load(tree, newer)
    newer.save()
    assert VerdictFile(tmp_path / "verdicts").find(Kind.JOB, "a.yaml", tree.files[0].blob) is not None


@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_file_is_forgotten(tmp_path, seed):
    path = tmp_path / "verdicts"
    tree = tree_of(contents_of("valid"))
    expected, _ = load_twice(tree, path)
    chance, data = random.Random(seed), bytearray(path.read_bytes())
    if seed % 2:
        del data[chance.randrange(len(data)) :]
    else:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    assert load_twice(tree, path) == [expected, expected]


def test_where_nothing_can_be_written_all_is_well(tmp_path):
    (tmp_path / "in-the-way").write_text("a file")
    tree = tree_of({"jobs/a.yaml": JOB})
    assert load_twice(tree, tmp_path / "in-the-way" / "verdicts") == [load(tree)] * 2


def test_what_is_no_longer_used_is_dropped(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "_SPARE", 5)
    path = tmp_path / "verdicts"
    for number in range(40):
        verdicts = VerdictFile(path)
        load(tree_of({"jobs/a.yaml": f"# {number}\n{JOB}"}), verdicts)
        verdicts.save()
    assert path.stat().st_size < 12 * 1000
    assert (
        VerdictFile(path).find(Kind.JOB, "a.yaml", tree_of({"jobs/a.yaml": f"# 39\n{JOB}"}).files[0].blob) is not None
    )


def test_two_processes_that_append_lose_nothing(tmp_path):
    path = tmp_path / "verdicts"
    load_twice(tree_of({"jobs/a.yaml": JOB}), path)
    one, two = VerdictFile(path), VerdictFile(path)
    trees = [tree_of({f"jobs/{name}.yaml": JOB.replace("id: a", f"id: {name}")}) for name in ("b", "c")]
    load(trees[0], one)
    load(trees[1], two)
    one.save()
    two.save()
    both = VerdictFile(path)
    for tree, name in zip(trees, ("b", "c"), strict=True):
        assert both.find(Kind.JOB, f"{name}.yaml", tree.files[0].blob) is not None
