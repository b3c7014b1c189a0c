"""Imported last into the server from which workers are forked: what they all have stays shared, for no collector writes to it."""

import gc

gc.collect()
gc.freeze()
