"""Commands that operate an index: create, serve, check, rebuild.

Settings and options enter. The commands create, migrate, serve, verify or rebuild an index. Its state and
findings leave.
"""
