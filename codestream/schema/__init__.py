"""One module per segment: declarations only, in the vocabulary of `base`."""
