"""Many calls at once: what `voiceband load` places, and what it measures of them."""
