"""Charts by which analysts judge the match model on indexed records."""
