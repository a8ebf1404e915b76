"""The built-in data set: drawings of chest radiographs in the classes of covid4."""
