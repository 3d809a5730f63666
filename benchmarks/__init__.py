"""Measurements. Ratios are taken in one run, against a peer where there is one; nothing here is a test."""
