"""Makes the models: invents homes and sentences, prunes, trains, quantises, measures.

Runs on a PC or a GPU, never on the device; nothing in the daemon imports it.
"""
