"""The parts of a report page; `tlkit.evaluation.report` puts them together."""
