"""Reader of Excel workbooks (.xlsx) with bounds on their size in memory."""
