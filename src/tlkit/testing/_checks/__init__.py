"""The named checks, one promise each: a function of a `Subject` that returns a note or raises."""
