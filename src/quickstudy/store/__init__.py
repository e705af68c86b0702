"""What lasts: adapted tasks as files."""
