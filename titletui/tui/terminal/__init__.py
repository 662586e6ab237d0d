"""What the terminal is sent, and how it is left."""
