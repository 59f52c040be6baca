"""Reader of Excel workbooks (.xlsx), with bounds on what a file becomes in memory."""
