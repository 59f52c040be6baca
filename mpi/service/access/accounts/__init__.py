"""Administration of user accounts, each change under the name of its maker.

Names, roles, sources and one-time passwords enter, with the administrator. Lists of accounts and passwords to
pass on leave. An account never gets a password for lasting use from somebody else.
"""
