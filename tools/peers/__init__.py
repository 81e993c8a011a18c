"""Other people's clients at the same work as ours; each program runs in an environment of its own.

Such a program reads what it is told as JSON from standard input and prints one line of JSON: rows,
CPU seconds of the work alone, peak memory in MB.
"""
