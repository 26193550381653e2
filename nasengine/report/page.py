"""One offline HTML file: plotly.js inlined once, figures as JSON, and a policy that lets nothing else run
or load.

The Content-Security-Policy names the two inline scripts by their SHA-256; no other script runs, no request
leaves the page. Text is escaped where it is placed (`esc`); JSON cannot close its element (`embedded`).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasengine.errors import StoreError
from nasengine.report import style

if TYPE_CHECKING:
    import plotly.graph_objects as go

DRAW = """
for (const place of document.querySelectorAll("[data-figure]")) {
  const figure = JSON.parse(document.getElementById(place.dataset.figure).textContent);
  const settings = {responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d"],
                    toImageButtonOptions: {format: "svg"}, showEditInChartStudio: false};
  Plotly.newPlot(place, figure.data, figure.layout, settings);
}
"""

CSS = f"""
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: #f4f6f8; color: {style.INK}; font: 16px/1.55 {style.FONT}; }}
main {{ max-width: 1120px; margin: 0 auto; padding: 32px 20px 80px; }}
header h1 {{ margin: 0; font-size: 30px; letter-spacing: -0.02em; overflow-wrap: anywhere; }}
header p, .note {{ color: {style.MUTED}; margin: 4px 0 0; max-width: 85ch; overflow-wrap: anywhere; }}
section {{ background: #fff; border: 1px solid {style.GRID}; border-radius: 12px; padding: 22px 24px;
  margin-top: 20px; }}
h2 {{ margin: 0 0 6px; font-size: 20px; letter-spacing: -0.01em; }}
h3 {{ margin: 22px 0 4px; font-size: 16px; overflow-wrap: anywhere; }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(132px, 1fr)); gap: 12px;
  margin-top: 20px; }}
.tile {{ background: #fff; border: 1px solid {style.GRID}; border-radius: 12px; padding: 14px 16px; }}
.tile b {{ display: block; font-size: 26px; font-weight: 650; letter-spacing: -0.02em; }}
.tile span {{ color: {style.MUTED}; font-size: 14px; overflow-wrap: anywhere; }}
.scroll {{ overflow-x: auto; margin-top: 10px; }}
table {{ border-collapse: collapse; font-size: 14px; width: 100%; font-variant-numeric: tabular-nums; }}
th {{ text-align: left; font-weight: 600; color: {style.MUTED}; border-bottom: 2px solid {style.GRID}; }}
th, td {{ padding: 7px 14px 7px 0; vertical-align: top; }}
td {{ border-bottom: 1px solid {style.GRID}; overflow-wrap: anywhere; }}
td.n, th.n {{ text-align: right; white-space: nowrap; }}
tr.knee td {{ background: #eef6fc; font-weight: 600; }}
small {{ color: {style.MUTED}; font-weight: 400; }}
code, pre {{ font: 13px/1.5 {style.MONO}; }}
pre {{ background: #f7f8fa; border-radius: 8px; padding: 12px 14px; overflow: auto; max-height: 420px;
  margin: 8px 0 0; }}
details {{ border-top: 1px solid {style.GRID}; padding: 10px 0; }}
details:first-of-type {{ margin-top: 10px; }}
summary {{ cursor: pointer; font-weight: 600; overflow-wrap: anywhere; }}
summary small {{ margin-left: 8px; }}
.drawing {{ overflow-x: auto; margin-top: 12px; text-align: center; }}
.drawing svg {{ max-width: 100%; height: auto; }}
.pill {{ display: inline-block; padding: 0 9px; border-radius: 99px; background: #e3f0fa; color: #004f80;
  font-size: 13px; }}
footer {{ color: {style.MUTED}; font-size: 13px; margin-top: 26px; }}
@media print {{ body {{ background: #fff; }} section {{ break-inside: avoid; }} }}
"""


def esc(value: Any) -> str:
    """Text for the inside of an element or of a quoted attribute; characters that XML forbids become �."""
    text = "".join(c if _allowed_in_xml(c) else "\ufffd" for c in str(value))
    return html.escape(text, quote=True)


def _allowed_in_xml(char: str) -> bool:
    """XML 1.0, section 2.2: no control characters, surrogates or non-characters."""
    return char in "\t\n" or (" " <= char < "\ud800") or ("\ue000" <= char <= "\ufffd") or char >= "\U00010000"


def embedded(json_text: str) -> str:
    """JSON that stands inside a script element and cannot end it or open a comment."""
    for mark, code in (
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u2028", "\\u2028"),
        ("\u2029", "\\u2029"),
    ):
        json_text = json_text.replace(mark, code)
    return json_text


def figure_place(name: str, height: int) -> str:
    """Where the figure of that name is drawn; `page` embeds its data."""
    return f'<div data-figure="{esc(name)}" style="min-height:{height}px"></div>'


def _allowed(script: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"


def page(title: str, body: str, figures: Mapping[str, go.Figure]) -> str:
    """The whole document: `body` is markup made here, `title` is text, `figures` go to their places."""
    from plotly.offline import get_plotlyjs

    # an HTML parser turns CR LF into LF before it hashes; plotly.js takes megabytes, so only where it draws
    scripts = [get_plotlyjs().replace("\r\n", "\n"), DRAW] if figures else []
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_allowed, scripts)) or chr(39) + 'none' + chr(39)}; "
        "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    data = "\n".join(
        f'<script type="application/json" id="{esc(name)}">{embedded(figure.to_json())}</script>'
        for name, figure in figures.items()
    )
    code = "\n".join(f"<script>{script}</script>" for script in scripts)
    return (
        "<!doctype html>\n"
        f'<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{esc(title)}</title>\n<style>{CSS}</style></head>\n"
        f"<body><main>\n{body}\n</main>\n{data}\n{code}\n</body></html>\n"
    )


def unwritable(target: Path, error: OSError) -> StoreError:
    """The error for a path that cannot be written."""
    return StoreError(
        f"{target}: cannot be written ({error.strerror or error}); name a file in a folder you may write to"
    )


def write_text(path: str | Path, text: str) -> Path:
    """Writes a file whole or not at all (a temporary file, then a rename).

    Raises StoreError naming the path when it cannot be written.
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise unwritable(target, error) from error
    return target


def save_html(figure: go.Figure, path: str | Path, title: str = "nasengine") -> Path:
    """Writes one figure as a self-contained HTML file that needs no network.

    Raises StoreError when the path cannot be written.
    """
    height = int(figure.layout.height or 450)
    heading = f"<header><h1>{esc(title)}</h1></header><section>{figure_place('figure', height)}</section>"
    return write_text(path, page(title, heading, {"figure": figure}))
