"""How Sphinx builds the documentation."""

import os
from pathlib import Path

import tlkit

project = "tlkit"
author = "The tlkit developers"
version = release = tlkit.__version__
# Each list in docs/api gives its names pages, in docs/api/names, which git ignores.
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
]
templates_path = ["_templates"]
html_theme = "furo"
html_title = f"tlkit {release}"
pygments_dark_style = "github-dark"
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["tlkit.css"]
exclude_patterns = ["_build", "tutorials/_*"]
# A name in single backticks is a link where there is something of that name.
default_role = "py:obj"
# And an error where there is none; but not for annotations, which name types that no page shows.
nitpicky = True
nitpick_ignore_regex = [("py:class", ".*")]
# In the docstring of pluggy's own class.
nitpick_ignore = [("py:meth", "PluginManager.register")]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# A line for each parameter where they do not fit one.
maximum_signature_line_length = 72
myst_heading_anchors = 3

# The tutorials are notebooks as text. They are executed where the build says so (`nox -s docs`),
# each in an empty folder of its own, and a cell that raises ends the build.
os.environ["PYTHONPATH"] = str(Path(__file__).parent / "tutorials")
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
nb_execution_mode = "off"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 600
nb_merge_streams = True

# A tutorial's commands for a shell, which begin with "!", are no Python to the highlighter.
suppress_warnings = ["misc.highlighting_failure"]
