"""`voiceband bench`: what each part costs on this machine, and what got slower.

`race` is the stopwatch; `kernels`, `messages` and `sessions` say what is measured; `passes` repeats it all in processes
of their own; `results` is what comes out, and `compare` tells slower from noise.
"""
