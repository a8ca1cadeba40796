"""The network that is trained, what is cut from it, how it is rounded and written out."""
