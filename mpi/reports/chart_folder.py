"""First page of a folder of charts, with tables of their figures."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import jinja2

_PAGE = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string("""\
<!doctype html>
<html lang="en">
<head>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{{ title }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0 2rem; }
caption { text-align: left; font-weight: 600; padding: .25rem 0; }
th, td { padding: .2rem .75rem .2rem 0; border-bottom: 1px solid #888; text-align: left; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
dt { font-weight: 600; }
dd { margin: 0 0 .5rem; }
</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<dl>
{%- for name, value in facts.items() %}
<dt>{{ name }}</dt><dd>{{ value }}</dd>
{%- endfor %}
</dl>
<h2>Charts</h2>
<ul>
{%- for chart in charts %}
<li><a href="{{ chart.name }}.html">{{ chart.title }}</a>. {{ chart.meaning }}</li>
{%- endfor %}
</ul>
{%- for note in notes %}
<p>{{ note }}</p>
{%- endfor %}
<h2>The same figures as tables</h2>
{%- for table in tables %}
<div class="wide" tabindex="0" role="region" aria-label="{{ table.title }}">
<table>
<caption>{{ table.title }}</caption>
<thead><tr>
{%- for column in table.columns %}
<th scope="col"{% if loop.index0 >= table.texts %} class="number"{% endif %}>{{ column }}</th>
{%- endfor %}
</tr></thead>
<tbody>
{%- for row in table.rows %}
<tr>
{%- for cell in row %}
{%- if loop.first %}
<th scope="row">{{ cell }}</th>
{%- else %}
<td{% if loop.index0 >= table.texts %} class="number"{% endif %}>{{ cell }}</td>
{%- endif %}
{%- endfor %}
</tr>
{%- endfor %}
</tbody>
</table>
</div>
{%- endfor %}
</main>
</body>
</html>
""")  # noqa: E501 - a policy is one line


class FigureTable(Protocol):
    """A table with the figures of a chart."""

    @property
    def title(self) -> str:
        """Title of the table."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Titles of the columns; the first names a row."""

    @property
    def texts(self) -> int:
        """Number of columns that hold texts; they come first."""

    @property
    def rows(self) -> tuple[tuple[object, ...], ...]:
        """Cells of each row."""


def write_first_page(
    title: str,
    facts: Mapping[str, object],
    charts: Sequence[tuple[str, str, str]],
    tables: Sequence[FigureTable],
    notes: Sequence[str],
) -> str:
    """Return the first page of a folder of charts as HTML.

    The page has no script.

    Args:
        title: title of the page.
        facts: what the charts are of, by name.
        charts: name of the file, title and meaning of each chart.
        tables: tables with the same figures.
        notes: sentences below the list of charts.
    """
    named = [{"name": name, "title": heading, "meaning": meaning} for name, heading, meaning in charts]
    return _PAGE.render(title=title, facts=facts, charts=named, tables=tables, notes=notes)
