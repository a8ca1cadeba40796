"""The Llama step as one program for the CPU: int4 weights in cells, several cores, no copies."""
