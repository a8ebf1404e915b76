"""What a folder of images holds: its files, its classes, and what is neither."""
