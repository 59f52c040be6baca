"""Backup of databases into one encrypted file, and restore from it."""
