"""Helpers for the tests of users and plugin authors: small, seeded, no download."""
