"""Commands for sources, API clients and accounts.

Names, roles, permissions and sources enter. The commands change who may send, read and decide. API keys and
initial passwords leave, once.
"""
