"""Directory of points of contact at states, districts, agencies and counties.

A file of the operator enters. Contacts by school district and by source leave; none is a fact of a child.
"""
