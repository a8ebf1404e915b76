"""Quality metrics for synthetic images: features, distances to real images, and copies of them."""
