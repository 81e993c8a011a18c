"""The connector in this back office. Other apps need `background.ring`, and nothing else of it."""
