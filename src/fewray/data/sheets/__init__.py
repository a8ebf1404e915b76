"""Tables of images as people have them: their files, columns, labels and paths."""
