"""The command ``tlkit``: every subcommand is a thin call of the public API, in a file of its own.

In come the words of a command line. Out go the answer on standard output, as text or as one JSON
document, everything else on standard error, and an exit status. Nothing heavy is imported before a
subcommand runs. Its public face is the command line, so there is no list of names.
"""
