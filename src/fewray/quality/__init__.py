"""What synthetic images are worth: features and the distances between them."""
