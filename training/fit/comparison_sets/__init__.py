"""Choice of the comparisons that a data set is fitted with.

What enters: the standard comparisons (``training.fit.comparisons``) and the features of all records.
What leaves: the comparisons for these records. Full data of families keeps the standard ones. Data without
homes gets one comparison each of postal code, phone and e-mail, and common birth dates get their own level.
"""
