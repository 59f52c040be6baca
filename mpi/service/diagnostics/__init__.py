"""Charts by which analysts judge the match model on the records of the index."""
