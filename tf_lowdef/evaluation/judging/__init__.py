"""What became of every image, and whether that can be believed."""
