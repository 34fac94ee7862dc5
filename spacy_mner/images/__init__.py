"""Pictures: reading them, encoding them, and keeping their vectors."""
