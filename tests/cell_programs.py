"""Linear program of a reader of two publications, written for tests alone."""

from scipy.optimize import linprog


def bound(cell, mine, other):
    """Return the least and greatest count of a cell of one publication that fit both."""
    hidden = [(which, each) for which, table in enumerate((mine, other)) for each in sorted(table.hidden)]
    places = {variable: place for place, variable in enumerate(hidden)}
    move = len(hidden)

    def line(*terms):
        row, rest = [0.0] * (move + 1), 0.0
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
    for each in mine.counts.keys() & other.counts.keys():
        for sign in (1, -1):
            row, rest = line((sign, 0, each), (-sign, 1, each))
            row[move] = -1.0
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

    def solve(column, sign, most):
        objective = [0.0] * (move + 1)
        objective[column] = sign
        answer = linprog(objective, **system, bounds=[*((low, None) for low in lowest), (0, most)])
        return sign * answer.fun if answer.status == 0 else sign * float("-inf")

    least_move = solve(move, 1, None)
    return tuple(solve(places[0, cell], sign, least_move + 1e-7) for sign in (1, -1))
