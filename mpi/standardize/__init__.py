"""Raw canonical record to comparable features: one cleaning path, pure."""
