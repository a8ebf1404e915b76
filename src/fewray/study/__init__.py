"""Studies: the protocols that compare augmentation arms, and their statistics."""
