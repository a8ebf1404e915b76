"""The families of generators, one file each."""
