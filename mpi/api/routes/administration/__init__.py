"""Routes that administer who may call the API."""
