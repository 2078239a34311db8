"""The table of what goes in: cases are compared with what has to become of them."""

import yaml

from benchmarks import intake, intake_variants


def _case(name, entry, counts=None):
    (case,) = intake.read_cases({name: {"is": "a case", **entry}}, counts or {})
    return case


def test_variants_are_compared_with_what_is_expected(tmp_path):
    declared = intake_variants.write(tmp_path)
    chosen = {name: declared[name] for name in ("header_declared", "tsv_as_txt")}
    read, refused = intake.run(intake.read_cases(chosen, {}), tmp_path, 2)
    assert (read.code, read.shown, read.wrong) == (0, "300 events, 30 users, 25 items", "")
    assert (refused.code, refused.wrong) == (1, "")
    assert "tsv_as_txt/e.txt, line 1" in refused.shown and "delimiter: tab" in refused.shown

    cases = [
        _case("header_declared", {"refused": ["header"]}),
        _case("header_declared", {"read": {"events": 299}}),
        _case("header_declared", {"read": {}, "says": ["no such word"]}),
        _case("tsv_as_txt", {"read": {}}),
        _case("tsv_as_txt", {"refused": ["line 1", "delimiter: pipe"]}),
    ]
    assert [outcome.wrong for outcome in intake.run(cases, tmp_path, 2)] == [
        "read",
        "300 events, not 299",
        "no word of no such word",
        "refused",
        "no word of delimiter: pipe",
    ]


def test_the_table_counts_and_shows_what_is_right():
    right = intake.Outcome(_case("a|b", {"read": {"users": 2}, "says": ["x"]}), 0, "2 users", "")
    wrong = intake.Outcome(
        _case("c", {"refused": ["line 2"]}), 1, "e.csv: bad", "no word of line 2"
    )
    lines = intake.table({"Cases": [right, wrong]}).splitlines()
    assert "Cases: 1 of 2 right." in lines
    assert lines[-2:] == [
        "| a\\|b | a case | read: 2 users; says x | 0 | 2 users | yes |",
        "| c | a case | refused: line 2 | 1 | e.csv: bad | **no**: no word of line 2 |",
    ]


def test_each_declared_case_is_read_or_refused():
    declared = yaml.safe_load(intake.EXPECTED.read_text())
    assert all(("read" in entry) is not bool(entry.get("refused")) for entry in declared.values())
