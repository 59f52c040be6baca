"""Linear program of a reader of two publications, written for tests alone."""

from collections import Counter

from scipy.optimize import linprog


def bound(cell, mine, other):
    """Return the least and greatest count of a cell of one publication that fit both."""
    hidden = [(which, each) for which, table in enumerate((mine, other)) for each in sorted(table.hidden)]
    places = {variable: place for place, variable in enumerate(hidden)}
    common = mine.counts.keys() & other.counts.keys()
    shown = Counter(each.population for each in common if None not in (mine.counts[each], other.counts[each]))
    populations = sorted({each.population for each in common}, key=lambda each: (-shown[each], each))
    moves_at = {each: len(hidden) + n for n, each in enumerate(populations)}
    width = len(hidden) + len(moves_at)

    def line(*terms):
        row, rest = [0.0] * width, 0.0
        for sign, which, each in terms:
            count = (mine, other)[which].counts[each]
            if count is None:
                row[places[which, each]] += sign
            else:
                rest += sign * count
        return row, rest

    equal = [
        line((1, which, total.total), *((-1, which, part) for part in total.parts))
        for which, table in enumerate((mine, other))
        for total in table.sums
    ]
    moves = []
    for each in common:
        for sign in (1, -1):
            row, rest = line((sign, 0, each), (-sign, 1, each))
            row[moves_at[each.population]] = -1.0
            moves.append((row, rest))
    lowest = []
    for which, each in hidden:
        table = (mine, other)[which]
        parts = {part for total in table.sums if table.counts[total.total] is None for part in total.parts}
        lowest.append(0 if each in parts | table.possible_zeros else 1)
    system = {
        "A_eq": [row for row, _ in equal],
        "b_eq": [-rest for _, rest in equal],
        "A_ub": [row for row, _ in moves],
        "b_ub": [-rest for _, rest in moves],
    }

    bounds = [*((low, None) for low in lowest), *((0, None) for _ in moves_at)]

    def solve(column, sign):
        objective = [0.0] * width
        objective[column] = sign
        answer = linprog(objective, **system, bounds=bounds)
        return sign * answer.fun if answer.status == 0 else sign * float("-inf")

    for column in moves_at.values():
        bounds[column] = (0, solve(column, 1) + 1e-7)
    return tuple(solve(places[0, cell], sign) for sign in (1, -1))
