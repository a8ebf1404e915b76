"""Networks and models of the generator families."""
