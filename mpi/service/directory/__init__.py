"""Directory of points of contact: whom to call at which state, district, agency or county.

A file of the operator enters. Contacts by school district and by source leave; none is a fact of a child.
"""
