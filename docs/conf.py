"""How Sphinx builds the documentation."""

import tlkit

project = "tlkit"
author = "The tlkit developers"
version = release = tlkit.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"tlkit {release}"
exclude_patterns = ["_build"]
# A name in single backticks is a link where there is something of that name.
default_role = "py:obj"
# And an error where there is none; but not for annotations, which name types that no page shows.
nitpicky = True
nitpick_ignore_regex = [("py:class", ".*")]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
myst_heading_anchors = 3
