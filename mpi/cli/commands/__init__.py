"""One module a command: it reads its arguments, calls a use case, and shows the answer."""
