"""The result of ``dcmturbo bench`` as one HTML page, without scripts or network."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from dcmturbo.bench.charts import COLOURS, STYLE, Bar, Curve, bars, curves
from dcmturbo.bench.table import headline, meaning_of_control
from dcmturbo.wording import plural, printable, short

__all__ = ["page"]

_STYLE = """\
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: .5rem 0; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p, ul { margin: .4rem 0; } .lead { font-size: 1.1rem; } .faint { color: var(--faint); }
.syntaxes { display: grid; gap: 0 3rem; grid-template-columns: repeat(auto-fill, minmax(min(22rem, 100%), 1fr)); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .875rem; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td:last-child, th:last-child { padding-right: 0; } thead th { vertical-align: bottom; }
.all { overflow-wrap: anywhere; }
.alarm { border-left: 4px solid var(--c4); padding-left: .6rem; }
.swatch { display: inline-block; border-left: .8rem solid; padding-left: .4rem; line-height: 1.1; }
"""


def _text(value: object) -> str:
    return escape(printable(value))


def _table(columns: list[str], rows: Sequence[list[str] | str]) -> str:
    """Return a table of HTML cells. Headings that begin with ``>`` are of numbers.

    A row that is a single text has the full width, because a long path does not fit into a column on a telephone.
    """
    classes = [' class="n"' if name.startswith(">") else "" for name in columns]
    head = "".join(f"<th{c}>{_text(name.lstrip('>'))}</th>" for name, c in zip(columns, classes, strict=True))
    lines = [
        f'<td class="all" colspan="{len(columns)}">{row}</td>'
        if isinstance(row, str)
        else "".join(f"<td{c}>{cell}</td>" for cell, c in zip(row, classes, strict=True))
        for row in rows
    ]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def _syntax(group: dict[str, Any]) -> str:
    count = group["files"]
    rows = []
    for label, decoder in group["decoders"].items():
        some = "" if decoder["files"] == count else f" ({decoder['files']} of {count} files)"
        ratio = decoder["dcmturbo_times_as_fast"]
        factor = f" · {short(ratio)} x dcmturbo's time" if ratio and decoder["threads"] == 1 else ""
        text = f"{short(decoder['msamples_per_second'])} Msamples/s{factor}"
        rows.append(Bar(label + some, decoder["msamples_per_second"], text, decoder["engine"] == "dcmturbo"))
    rows.sort(key=lambda bar: -bar.value)
    keyword = group["transfer_syntax"]
    left_out = "".join(f'<p class="faint">{_text(name)}: {_text(why)}</p>' for name, why in group["left_out"].items())
    return (
        f"<section><h3>{_text(keyword)} <span class=faint>{count} file{'' if count == 1 else 's'}</span></h3>\n"
        f"{bars(rows, f'Million samples a second, {keyword}')}{left_out}</section>"
    )


def _temperatures(document: dict[str, Any]) -> str:
    method = document["method"]
    rows: list[list[str] | str] = []
    for group in document["by_transfer_syntax"]:
        rows.append(f"<strong>{_text(group['transfer_syntax'])}</strong>")
        for label, decoder in group["decoders"].items():
            times = (decoder["milliseconds"], decoder["cold_milliseconds"], decoder["first_milliseconds"])
            rows.append([_text(label), str(decoder["files"]), *(short(time) or "–" for time in times)])
    terms = [
        ("files", "the number of files that the figures are about, the same for all engines of a transfer syntax"),
        ("warm ms", f"milliseconds to decode these files once, the sum of their medians: {method['warm']}"),
        ("cold ms", f"the same, cold: {method['cold']}"),
        ("first ms", f"milliseconds, of one file only: {method['first']}"),
    ]
    return (
        _terms(terms)
        + "<p>A dash means: not measured. The reasons are below.</p>\n"
        + _table(["engine", ">files", ">warm ms", ">cold ms", ">first ms"], rows)
    )


def _terms(terms: Sequence[tuple[str, str]]) -> str:
    """Return the headings of a table, each with what it means."""
    items = "".join(f"<li><strong>{_text(name)}</strong>: {_text(meaning)}</li>" for name, meaning in terms)
    return f"<ul>{items}</ul>\n"


def _swatch(colour: int, text: str) -> str:
    return f'<span class="swatch" style="border-color: var(--c{colour % COLOURS})">{text}</span>'


def _scaling(document: dict[str, Any]) -> str:
    found = document["scaling"]
    if not found:
        return '<p class="faint">Not measured: see below.</p>'
    shown = found[: COLOURS - 1]
    lines = [Curve(c["transfer_syntax"], tuple((p["threads"], p["times_as_fast"]) for p in c["points"])) for c in shown]
    counts = [p["threads"] for p in found[0]["points"]]
    control = tuple(
        (n, sorted(c["points"][k]["control"] for c in found)[len(found) // 2]) for k, n in enumerate(counts)
    )
    lines.append(Curve("hash", control, dashed=True))
    rows: list[list[str] | str] = []
    for k, curve in enumerate(found):
        keyword = _text(curve["transfer_syntax"])
        for point in curve["points"]:
            if point["threads"] > 1:
                cells = [_swatch(k, keyword) if k < len(shown) else keyword, str(point["threads"])]
                rows.append([*cells, f"{point['times_as_fast']:.2f} x", f"{point['control']:.2f} x"])
        rows.append(_text(f"With {point['threads']} threads: {meaning_of_control(point)}."))
    hashed = _swatch(len(shown), "a hash, the control (dashed; median)")
    rows.append([hashed, str(control[-1][0]), "", f"{control[-1][1]:.2f} x"])
    terms = [
        ("threads", "the number of threads of dcmturbo and of the control"),
        (
            "dcmturbo",
            "how many times as fast as on one thread, for the largest file of the transfer syntax, into memory that "
            "already exists",
        ),
        (
            "control",
            "how many times as fast as on one thread a hash is computed on the same number of threads, in between: "
            "this is what the machine could give at that time",
        ),
    ]
    return (
        _terms(terms)
        + curves(lines, "Times as fast as on one thread, by number of threads")
        + _table(["transfer syntax", ">threads", ">dcmturbo", ">control"], rows)
    )


def _disagreements(document: dict[str, Any]) -> str:
    found = document["disagreements"]
    if not found:
        return "<p>All engines that decoded a file gave the same pixels.</p>"
    alarms = [
        f'<p class="alarm">Look into <span class="all">{_text(one["path"])}</span>: '
        f"{_text(', '.join(one['dcmturbo_alone_against']))} agree with each other, and none of them "
        "agrees with dcmturbo.</p>"
        for one in found
        if one["dcmturbo_alone_against"]
    ]
    rows: list[list[str] | str] = []
    for one in found:
        agreeing = one["agreement"][0] if one["agreement"] else ["dcmturbo"]
        rows.append(f"<strong>{_text(one['path'])}</strong><br>these agree: {_text(', '.join(agreeing))}")
        rows += [[_text(engine), _text(why)] for engine, why in one["differing"].items()]
    note = "<p>Each engine below a file returned other pixels than dcmturbo, and was not timed with it.</p>"
    return "\n".join([*alarms, note, _table(["engine", "how it differs from dcmturbo"], rows)])


def _engines(document: dict[str, Any]) -> str:
    rows: list[list[str] | str] = []
    for engine in document["engines"]:
        whys = [engine["missing"]] if engine["missing"] and not engine["files"] else []
        whys += [f"{why} ({count})" for why, count in engine["not_timed"].items() if not whys]
        took = short(document["imports"].get(engine["name"]))
        name = f"<strong>{_text(engine['name'])}</strong>"
        rows.append([name, _text(engine["version"] or ""), took, str(engine["files"])])
        if whys:
            rows.append("<br>".join(_text(why) for why in whys))
    terms = [
        ("version", "of the package; empty if it is not installed"),
        ("import ms", "milliseconds to import the packages that its users import, once, in its own process"),
        ("files timed", f"of the {plural(len(document['files']), 'file')} that were measured"),
    ]
    return (
        _terms(terms)
        + "<p>Below each engine: why it was not timed with some files, and in brackets the number of these files. "
        "An engine with 0 files and no reason does not take part in the transfer syntaxes of these files.</p>\n"
        + _table(["engine", "version", ">import ms", ">files timed"], rows)
    )


def _printed(document: dict[str, Any]) -> str:
    if not document["printed"]:
        return "<p>Nothing.</p>"
    rows: list[list[str] | str] = []
    for found in document["printed"]:
        rows.append([f"<strong>{_text(found['engine'])}</strong>", str(len(found["paths"])), _text(found["paths"][0])])
        rows.append(f"<code>{_text(found['words'])}</code>")
    terms = [
        ("files", "the number of files about which the engine printed the text below"),
        ("first file", "the path of one of them"),
    ]
    return _terms(terms) + _table(["engine", ">files", "first file"], rows)


def page(document: dict[str, Any]) -> str:
    """Return the page of a record, as ``dcmturbo bench --json`` prints it."""
    where, method = document["machine"], document["method"]
    rounds = method["rounds"]
    count = f"{rounds['least']} to {rounds['most']} rounds"
    if rounds["least"] == rounds["most"]:
        count = plural(rounds["least"], "round")
    facts = [
        f"{where['cpu']}, {where['cpus']} CPUs, {where['isa']}, {where['system']}; {document['measured']}",
        ", ".join(f"{name} {version}" for name, version in document["versions"].items()),
        f"Measured: {method['what']}. One thread where no number is given.",
        f"Order: {method['order']}. Medians of {count}.",
        f"Warm: {method['warm']}. Cold: {method['cold']}. First: {method['first']}.",
    ]
    charts = "\n".join(_syntax(group) for group in document["by_transfer_syntax"])
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>dcmturbo bench</title>
<style>
{STYLE}{_STYLE}</style>
</head>
<body>
<h1>Decoding {plural(len(document["files"]), "DICOM file")}</h1>
<p class="lead">{_text(headline(document))}.</p>
<h2>Speed by transfer syntax and engine</h2>
<p class="faint">Msamples/s: million samples (values of pixels) decoded per second, from a path to an array, warm, on
one thread unless the name of the bar says more. Longer bars are faster. "2 x dcmturbo's time" means that the engine
takes twice as long as dcmturbo on one thread (geometric mean of the files). All bars of a transfer syntax are about the
same files. An engine that decoded too few of them has no bar and is named below. Engines with other pixels are not
ranked.</p>
<div class="syntaxes">
{charts}
</div>
<h2>Several threads</h2>
{_scaling(document)}
<h2>Disagreements</h2>
{_disagreements(document)}
<h2>Warm, cold and first</h2>
{_temperatures(document)}
<h2>Engines</h2>
{_engines(document)}
<h2>What engines printed</h2>
{_printed(document)}
<h2>How it was measured</h2>
<ul>
{"".join(f"<li>{_text(fact)}</li>" for fact in facts)}
</ul>
<h2>Not measured</h2>
<ul>
{"".join(f"<li>{_text(text)}</li>" for text in method["not_measured"])}
</ul>
</body>
</html>
"""
