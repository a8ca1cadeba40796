"""The language model in tinygrad: GGUF file, tokenizer, network, constrained decoding."""
