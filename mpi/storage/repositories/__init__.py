"""One repository an aggregate; rows in, plain values and domain objects out. SQLAlchemy Core throughout."""
