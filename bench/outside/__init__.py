"""Meta-gradients by other people's libraries, for comparison; nothing here is ever imported by the project itself."""
