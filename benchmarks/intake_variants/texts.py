"""Variants of delimited texts and their compressions."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Iterator

from benchmarks.intake_variants import samples


def texts() -> Iterator[samples.Variant]:
    """Delimited texts, their compressions and JSON."""
    yield samples.variant(
        "csv_crlf_quotes",
        "CR LF, doubled quotes, line breaks inside quotes",
        {
            "e.csv": samples.lines(
                lambda n, v: (v[0], f'"{v[1]} ""a""\r\n,b"' if n % 2 else f'"{v[1]}"', v[2]),
                end="\r\n",
            )
        },
        refused=["e.csv, line 3", "line break"],
    )
    yield samples.variant(
        "csv_quoted_title",
        "a catalogue with doubled quotes, delimiters and line breaks in titles",
        {
            "e.csv": samples.PLAIN,
            "i.csv": samples.items(
                lambda n: (f"p{n}", f'"A ""big"", old\nlamp {n}"'), ("what", "name")
            ),
        },
        data={"items": {"path": "i.csv", "columns": {"what": "item_id", "name": "title"}}},
    )
    yield samples.variant(
        "csv_unclosed_quote",
        "a quote that never closes",
        {"e.csv": samples.PLAIN.replace("c07,p", 'c07,"p', 1)},
        refused=["e.csv, line 72", "quote"],
    )
    yield samples.variant(
        "csv_escape",
        "quotes behind backslashes, escape declared",
        {"e.csv": samples.lines(lambda _, v: (v[0], f'"a \\"{v[1]}\\", b"', v[2]))},
        escape="\\",
    )
    yield samples.variant(
        "csv_too_many_cells",
        "a row with a comma too many",
        {"e.csv": samples.PLAIN.replace("c04,", "c04,,", 1)},
        refused=["e.csv, line 42", "4", "3"],
    )
    yield samples.variant(
        "csv_spaces_in_header",
        "spaces in the header",
        {"e.csv": samples.lines(header=("who ", " what", "at"))},
    )
    yield samples.variant(
        "csv_empty", "a file of no byte", {"e.csv": ""}, refused=["e.csv", "empty"]
    )
    yield samples.variant(
        "csv_only_header", "a header alone", {"e.csv": "who,what,at\n"}, refused=["no events"]
    )
    yield samples.variant(
        "csv_last_line_open", "no line break at the end", {"e.csv": samples.PLAIN.rstrip("\n")}
    )
    yield samples.variant(
        "csv_blank_lines",
        "blank lines between and at the end",
        {"e.csv": samples.PLAIN.replace("\nc1", "\n\nc1") + "\n\n"},
    )
    yield samples.variant(
        "csv_bom", "UTF-8 with a mark at the beginning", {"e.csv": "\ufeff" + samples.PLAIN}
    )
    yield samples.variant(
        "csv_bom_semicolon",
        "a mark, semicolons, none declared",
        {"e.csv": "\ufeff" + samples.lines(delimiter=";")},
        refused=["e.csv, line 1", "delimiter: semicolon"],
    )
    yield samples.variant(
        "csv_latin1",
        "Latin-1 that is not declared",
        {"e.csv": samples.PLAIN.replace("p3,", "caf\u00e9,").encode("latin-1")},
        refused=["e.csv, line", "encoding: latin-1"],
    )
    yield samples.variant(
        "csv_latin1_declared",
        "Latin-1",
        {"e.csv": samples.PLAIN.replace("p3,", "caf\u00e9,").encode("latin-1")},
        encoding="latin-1",
    )
    yield samples.variant(
        "csv_utf16",
        "UTF-16 with its mark",
        {"e.csv": samples.PLAIN.encode("utf-16")},
        encoding="utf-16",
    )
    yield samples.variant(
        "csv_utf16_undeclared",
        "UTF-16 that is not declared",
        {"e.csv": samples.PLAIN.encode("utf-16")},
        refused=["e.csv", "encoding: utf-16"],
    )
    yield samples.variant(
        "csv_nul",
        "a NUL in a cell",
        {"e.csv": samples.PLAIN.replace("c04,p", "c04,\0p", 1)},
        refused=["e.csv, line 42"],
    )
    yield samples.variant(
        "tsv_as_txt",
        "tabs in a .txt file, none declared",
        {"e.txt": samples.lines(delimiter="\t")},
        refused=["e.txt, line 1", "delimiter: tab"],
    )
    yield samples.variant(
        "pipes", "delimiter: pipe", {"e.dat": samples.lines(delimiter="|")}, delimiter="pipe"
    )
    yield samples.variant(
        "delimiter_long",
        "a delimiter of three characters",
        {"e.dat": samples.lines(delimiter="|~|")},
        delimiter="|~|",
    )
    yield samples.variant(
        "delimiter_typo",
        "delimiter: semikolon",
        {"e.csv": samples.lines(delimiter=";")},
        delimiter="semikolon",
        refused=["c.yaml:9", "semicolon"],
    )
    yield samples.variant(
        "header_none",
        "no header, numbers alone",
        {"e.csv": samples.lines(lambda _, v: (v[0][1:], v[1][1:], v[2]), None)},
        refused=["e.csv, line 1", "header: [who, what, at]"],
    )
    yield samples.variant(
        "header_declared",
        "no header, names declared",
        {"e.csv": samples.lines(header=None)},
        header=["who", "what", "at"],
    )
    yield samples.variant(
        "header_twice",
        "header declared, though the file has one",
        {"e.csv": samples.PLAIN},
        header=["who", "what", "at"],
        refused=["e.csv, line 1", "header"],
    )
    yield samples.variant(
        "header_short",
        "fewer names in header than columns",
        {"e.csv": samples.lines(header=None)},
        header=["who", "at"],
        columns={"who": "user_id", "what": {"role": "item_id", "source": "who"}, "at": "timestamp"},
        refused=["e.csv, line 1", "header"],
    )
    yield samples.variant(
        "parts_differ",
        "a second part with its columns in another order",
        {
            "e/1.csv": "".join(samples.PLAIN.splitlines(True)[:151]),
            "e/2.csv": "at,who,what\n"
            + "".join(f"{v[2]},{v[0]},{v[1]}\n" for v in samples.VISITS[150:]),
        },
        path="e",
    )
    yield samples.variant(
        "zip_as_csv",
        "a zip archive called .csv",
        {"e.csv": b"PK\x03\x04" + b"\0" * 60},
        refused=["e.csv", "zip"],
    )
    yield samples.variant(
        "html_as_csv",
        "a web page called .csv",
        {"e.csv": "<!DOCTYPE html>\n<html><body>404</body></html>\n"},
        refused=["e.csv", "HTML"],
    )
    yield samples.variant(
        "xls_as_csv",
        "an old Excel workbook called .csv",
        {"e.csv": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600},
        refused=["e.csv", "Excel", "CSV"],
    )
    yield samples.variant(
        "gz_named_csv",
        "gzip without the ending",
        {"e.csv": gzip.compress(samples.PLAIN.encode())},
        refused=["e.csv", "gzip"],
    )
    yield samples.variant(
        "csv_named_gz",
        "no gzip, but the ending",
        {"e.csv.gz": samples.PLAIN},
        refused=["e.csv.gz", "gzip"],
    )
    yield samples.variant(
        "gz_members",
        "two gzip files in one",
        {
            "e.csv.gz": gzip.compress(samples.PLAIN[:2000].encode())
            + gzip.compress(samples.PLAIN[2000:].encode())
        },
    )
    whole = gzip.compress(samples.PLAIN.encode())
    yield samples.variant(
        "gz_one_bit",
        "gzip with one wrong bit in its checksum",
        {"e.csv.gz": whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:]},
        refused=["e.csv.gz", "corrupt"],
    )
    yield samples.variant(
        "gz_garbage",
        "gzip with something else behind it",
        {"e.csv.gz": gzip.compress(samples.PLAIN.encode()) + b"garbage"},
        refused=["e.csv.gz", "corrupt"],
    )
    yield samples.variant(
        "xz_cut",
        "xz that is cut off",
        {"e.csv.xz": lzma.compress(samples.PLAIN.encode())[:-40]},
        refused=["e.csv.xz", "cut off"],
    )
    yield samples.variant("bz2_whole", "bzip2", {"e.csv.bz2": bz2.compress(samples.PLAIN.encode())})
