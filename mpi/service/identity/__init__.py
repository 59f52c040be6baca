"""Trust in tokens that an identity provider signs.

Settings name the provider, and tokens of it enter. Its keys are fetched and kept here. Checked claims leave;
what a claim's subject may do stays in the index.
"""
