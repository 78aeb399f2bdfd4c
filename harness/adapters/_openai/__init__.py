"""The chat-completions API: what is sent, and what comes back."""
