"""Repositories of persons, their records over time, and identity events.

Minted IDs, changes of membership and record numbers enter. Persons, memberships at any commit and the
events of the change feed leave.
"""
