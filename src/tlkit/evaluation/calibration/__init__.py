"""A model as sure as it is right: temperature scaling."""
