"""Studies of one question each, with an answer in docs/."""
