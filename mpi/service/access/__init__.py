"""Access control: accounts of people, API clients, passwords and sign-in.

Names, passwords, API keys and session tokens enter.
Viewers with their permitted actions and sources leave, and lists of accounts and clients.
"""
