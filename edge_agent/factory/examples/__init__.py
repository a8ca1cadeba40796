"""Cases as a network reads them: lines of text, tokens, packed files, batches."""
