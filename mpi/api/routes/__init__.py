"""Routes: one module a noun; a handler only translates."""
