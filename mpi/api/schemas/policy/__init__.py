"""API schemas of agreements, purposes of use and legal bases."""
