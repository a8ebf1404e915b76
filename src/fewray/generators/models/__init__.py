"""Networks, losses, samplers and other models of the families; they import array helpers only."""
