"""The report as one HTML page that asks no network: its style and pictures stand in it.

Instructions, names and reasons come from models and files, so all text is escaped, and the page's
own policy forbids scripts and whatever would be fetched.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from syphus.report import sections

if TYPE_CHECKING:
    from syphus.report.contents import Report

GENERATOR = "Syphus report"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#222;background:#fff;max-width:60rem;margin:0 auto;
padding:1.5rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.2rem;margin:2.2rem 0 .5rem;border-bottom:1px solid #ddd}
p{margin:.4rem 0}.note{color:#595959;font-size:.9rem}
.state{display:inline-block;padding:.1rem .6rem;border-radius:1rem;background:#eee}
.state.finished{background:#d9efd6}.state.other{background:#fde6c8}
table{border-collapse:collapse;margin:.5rem 0}td,th{padding:.15rem .8rem .15rem 0;text-align:left;
vertical-align:top;overflow-wrap:anywhere}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;
white-space:nowrap}
svg.columns{width:100%;max-width:44rem}svg.sun{width:100%;max-width:45rem}
svg,tr{break-inside:avoid}svg.sun text{pointer-events:none}.bar{vertical-align:middle}
@media(max-width:45rem){body{padding:.7rem}.bar{width:5rem}td,th{padding-right:.4rem}}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#1c1c1e}h2{border-color:#444}
.note{color:#a5a5a5}.state,.state.finished,.state.other{color:#222}
svg.columns text{fill:#ddd}svg.columns line{stroke:#444}svg.sun{background:#fff;border-radius:50%}}
"""


def render(report: Report) -> str:
    """The page. Its text may hold what UTF-8 can't (lone surrogates): encode with `replace`."""
    name = _text(report.name)
    kind = "finished" if report.state == "finished" else "other"
    body = "\n".join(
        f"<h2>{heading}</h2>\n{content}" for heading, content in sections.all_of(report)
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="{GENERATOR}">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{name}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1><bdi>{name}</bdi></h1>
<p><span class="state {kind}">{_text(report.state)}</span></p>
{sections.facts(report.about)}
{body}
</body>
</html>
"""


def _text(value: str) -> str:
    return escape(sections.printable(value))
