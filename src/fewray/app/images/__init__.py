"""Pages of images: real and synthetic ones by class, neighbours, walks and marks."""
