"""The privacy policy: who may be told what of whom, decided before anything leaves.

`load` reads and checks a file, `compile` makes it quick for one destination and kind, and a
`Ruling` says of one person what may go there. Nothing in here reads a clock: `today` comes in.
"""
