"""Sphinx settings of the documentation site; ``scripts/docs`` builds it."""

import os
import sys

sys.path.insert(0, os.environ["MPI_CHECKOUT"])

import mpi

project = "Master Person Index"
author = "Maintainers of the Master Person Index"
release = version = mpi.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "index"
html_theme = "furo"
html_title = f"{project} {release}"
# Nothing is loaded from another site.
html_theme_options = {"source_repository": "", "footer_icons": []}
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
myst_heading_anchors = 5
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
exclude_patterns = ["docs/site"]
html_static_path = ["static"]
html_css_files = ["tables.css"]
highlight_language = "text"
