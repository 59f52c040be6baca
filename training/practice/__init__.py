"""Selection of practice pairs for stewards from a simulated state.

The package chooses decidable pairs of the hard kinds, half of one child and half of two. A
simulated population enters. A list of pairs with truth and explanation leaves, which travels with
the program.
"""
