"""Ground floor: files that appear whole or not at all, checksums, locks.

In come content and the name of a file; out comes a file that appears whole or not at all, and
content that is what was written. Nothing here knows what it keeps, and errors are Python's own
`OSError` and `ValueError`: who calls says what they mean for the user. In the modules:

- `atomic`: `whole_file`, the one way to write a file; `why_unwritable` asks ahead; `remove_parts`
  sweeps what was cut short.
- `records`: `Record`, a kind of JSON document with a format, a version and a checksum.
- `digests`: the SHA-256 of a file, or of parts.
- `seals`: checksums at the end of files of other formats: HDF5, ``.keras``, ONNX.
- `locks`: locks on files, which the system lets go of when the process ends.

Change the temporary name or the header of a record here and nowhere else.
"""
