"""Master Person Index: find the source records that describe one person.

Records of agencies and schools, stewards' decisions and a trained match model enter. Stable enterprise IDs,
explanations, review questions and an audit trail leave, by command line, HTTP API and web pages.
"""

__version__ = "0.2.0"
