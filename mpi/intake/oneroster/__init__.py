"""OneRoster 1.1 and 1.2: users, demographics, orgs and enrollments as canonical rows.

``roster`` and ``student`` take items in the form of OneRoster's JSON, from the API or from CSV files, which
``csv_items`` converts. ``bundle`` reads CSV bundles.
"""
