"""Conformance rules (section 12.6): the catalogue, and the checks that tell whether a stream keeps them."""
