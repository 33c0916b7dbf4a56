"""What voiceband costs beside what else does the same work: the cases of `voiceband bench`, with rivals and limits."""
