"""How exactly the fast engine follows the network that a file describes: a program, not a test.

Every prompt is continued greedily by a float32 network of plain numpy and by the engine. Printed
are how many continuations are equal, the least cosine of their logits after the same tokens, and
how often the likeliest token is the same.

    python tests/unit/slm/agreement.py MODEL.gguf [TOKENS] [THREADS]
"""

import sys
from pathlib import Path

import numpy as np

from edge_agent.slm.gguf import open_gguf
from edge_agent.slm.llama import LlamaConfig, float_rows
from edge_agent.slm.model import Model, load_model

PROMPTS = """The capital of France is|Write a short poem about the sea.|def fibonacci(n):
Once upon a time there was a|The quick brown fox jumps over the lazy dog and|Why is the sky blue?
Turn on the kitchen light and close the|What is the difference between a cat and a dog?
How do I boil an egg?|List three primary colours.|My favourite season is autumn because
In 1969, the first man|Explain photosynthesis to a child.|The recipe needs two cups of
Tell me a joke about computers.|Water boils at|Who wrote Romeo and Juliet?
A train leaves the station at noon and|Translate to French: good morning.
The most important thing in life is|How many legs does a spider have?
Summarise the story of Cinderella.|It was a dark and stormy night;
What should I cook for dinner tonight?""".replace("\n", "|").split("|")


class Reference:
    """A Llama in float32 that continues several texts side by side."""

    def __init__(self, path: Path, texts: int, slots: int) -> None:
        file = open_gguf(path)
        self.config = config = LlamaConfig.from_gguf(file.metadata)
        self.weights = {
            name.removesuffix(".weight"): np.squeeze(float_rows(tensor, slice(None)))
            for name, tensor in file.tensors.items()
        }
        size = (config.layers, texts, config.kv_heads, slots, config.head_dim)
        self.keys, self.values = np.zeros(size, np.float32), np.zeros(size, np.float32)

    def norm(self, x, name):
        scale = np.sqrt((x * x).mean(-1, keepdims=True) + self.config.norm_eps)
        return x / scale * self.weights[name]

    def turned(self, x, place):
        half = np.arange(self.config.head_dim // 2) / (self.config.head_dim // 2)
        angle = np.exp(1j * place * self.config.rope_base**-half)
        pairs = (x[..., 0::2] + 1j * x[..., 1::2]) * angle
        return np.stack((pairs.real, pairs.imag), -1).reshape(x.shape).astype(np.float32)

    def step(self, tokens, place):
        """Logits [texts, vocabulary] after a token of each text."""
        config, weights = self.config, self.weights
        x = weights["token_embd"][tokens]
        for layer in range(config.layers):
            blk = f"blk.{layer}"
            y = self.norm(x, f"{blk}.attn_norm")
            q, k, v = (
                (y @ weights[f"{blk}.attn_{part}"].T).reshape(len(x), -1, config.head_dim)
                for part in "qkv"
            )
            self.keys[layer, :, :, place] = self.turned(k, place)
            self.values[layer, :, :, place] = v
            q = self.turned(q, place).reshape(len(x), config.kv_heads, -1, config.head_dim)
            keys, values = (one[layer, :, :, : place + 1] for one in (self.keys, self.values))
            score = q @ keys.swapaxes(-1, -2) / np.float32(config.head_dim**0.5)
            share = np.exp(score - score.max(-1, keepdims=True))
            mixed = share / share.sum(-1, keepdims=True) @ values
            x = x + mixed.reshape(len(x), -1) @ weights[f"{blk}.attn_output"].T
            y = self.norm(x, f"{blk}.ffn_norm")
            gate, up = (y @ weights[f"{blk}.ffn_{part}"].T for part in ("gate", "up"))
            x = x + (gate / (1 + np.exp(-gate)) * up) @ weights[f"{blk}.ffn_down"].T
        head = weights.get("output", weights["token_embd"])
        return self.norm(x, "output_norm") @ head.T


def continued(path: Path, prompts: list[list[int]], count: int):
    """The texts with their continuations, and the logits before each of their tokens."""
    longest = max(map(len, prompts)) + count
    reference = Reference(path, len(prompts), longest)
    texts, logits = [list(prompt) for prompt in prompts], [[] for _ in prompts]
    for place in range(longest - 1):
        tokens = [text[place] if place < len(text) else 0 for text in texts]
        for at, line in enumerate(reference.step(tokens, place)):
            missing = len(prompts[at]) + count - len(texts[at])
            if place >= len(prompts[at]) - 1 and missing:
                logits[at].append(line)
                texts[at].append(int(line.argmax()))
    return texts, logits


def followed(model: Model, tokens: list[int], begun: int) -> np.ndarray:
    """The engine's logits before each token of a text from `begun` on, fed one by one."""

    def feed(part: list[int], at: int) -> np.ndarray:
        sees = np.tri(len(part), at + len(part), at, dtype=bool)
        places = range(at, at + len(part))
        return model.network.step(part, places, sees, at, [len(part) - 1])[0].copy()

    found = [feed(tokens[:begun], 0)]
    found += [feed([token], at) for at, token in enumerate(tokens[begun:-1], begun)]
    return np.array(found)


def main() -> None:
    path, count, threads, *_ = (*sys.argv[1:], *("", "64", "0")[len(sys.argv) - 1 :])
    model = load_model(Path(path), threads=int(threads), backend="fused")
    prompts = [list(model.tokenizer.encode(prompt)) for prompt in PROMPTS]
    texts, logits = continued(Path(path), prompts, int(count))
    equal, same, least = 0, 0, 1.0
    for prompt, text, lines in zip(prompts, texts, logits, strict=True):
        expected, found = np.array(lines), followed(model, text, len(prompt))
        length = np.linalg.norm(expected, axis=1) * np.linalg.norm(found, axis=1)
        least = min(least, float(((expected * found).sum(1) / length).min()))
        hits = int((expected.argmax(1) == found.argmax(1)).sum())
        # Fed with the reference's tokens, it chooses all of them only if it would on its own.
        same, equal = same + hits, equal + (hits == len(lines))
    total = len(PROMPTS) * int(count)
    print(f"{model.engine}: {equal} of {len(PROMPTS)} continuations of {count} tokens are equal")
    print(f"least cosine of logits {least:.5f}; same likeliest token {same / total:.2%} of {total}")


if __name__ == "__main__":
    main()
