"""One small vision-language model, the same questions, greedy: what a whole run costs here and in other harnesses."""
