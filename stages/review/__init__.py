"""What a change does to the scores, for the person who must agree to it."""
