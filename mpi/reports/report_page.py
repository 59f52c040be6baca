"""A report as one HTML page, with its chart and its table."""

import jinja2
from markupsafe import Markup

from mpi.reports.charts import draw_svg
from mpi.reports.report_table import HIDDEN, ReportTable

_PAGE = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ report.title }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
figure { margin: 1rem 0; overflow-x: auto; background: #fff; }
table { border-collapse: collapse; }
caption { text-align: left; font-weight: 600; padding: .25rem 0; }
th, td { padding: .3rem .75rem; border-bottom: 1px solid #888; text-align: left; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
dt { font-weight: 600; }
dd { margin: 0 0 .5rem; }
.wide { overflow-x: auto; }
</style>
</head>
<body>
<main>
<h1>{{ report.title }}</h1>
<p>{{ report.definition }}</p>
<figure role="img" aria-label="Chart of the table below: {{ report.title }}">{{ chart }}</figure>
<div class="wide" tabindex="0" role="region" aria-label="{{ report.title }}">
<table>
<caption>{{ report.title }}, {{ report.unit }}, as of {{ report.as_of }}</caption>
<thead><tr>
{%- for column in report.columns %}
<th scope="col"{% if column.unit %} class="number"{% endif %}>{{ column.title }}
{%- if column.unit == 'percent' %} (%){% endif %}</th>
{%- endfor %}
</tr></thead>
<tbody>
{%- for row in report.rows %}
<tr>
{%- for cell in row %}
{%- if report.columns[loop.index0].unit %}
<td class="number">{{ hidden if cell is none else '{:,}'.format(cell) }}</td>
{%- elif loop.first %}
<th scope="row">{{ cell }}</th>
{%- else %}
<td>{{ cell }}</td>
{%- endif %}
{%- endfor %}
</tr>
{%- endfor %}
</tbody>
</table>
</div>
<h2>About these figures</h2>
<dl>
<dt>Children in the report</dt><dd>{{ facts.n }}</dd>
<dt>Source</dt><dd>{{ report.source }}</dd>
<dt>As of</dt><dd>{{ report.as_of }}, as known on {{ report.known_on }}</dd>
{%- if report.notes %}
<dt>Notes</dt>
{%- for note in report.notes %}<dd>{{ note }}</dd>{% endfor %}
{%- endif %}
</dl>
<p>{{ facts.notice }}</p>
</main>
</body>
</html>
""")


def write_html_page(report: ReportTable) -> str:
    """Return a report as a self-contained page without a script.

    Raises:
        InputError: the extra ``reports`` is not installed.
    """
    chart = Markup(draw_svg(report))
    return _PAGE.render(report=report, facts=report.describe(), chart=chart, hidden=HIDDEN)
