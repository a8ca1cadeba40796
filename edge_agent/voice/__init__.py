"""From a microphone to a sentence, and from an answer to a sound."""
