"""Where the index is kept: tables, repositories, migrations, one unit of work."""
