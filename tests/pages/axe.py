"""Which rules axe holds the pages to: WCAG 2.2 AA, and what its authors call best practice."""

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
