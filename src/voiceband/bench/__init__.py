"""`voiceband bench`: what each part costs on this machine, beside what else does the same work, and what got slower.

`race` is the stopwatch; `cases` says what is measured, and one module per subject makes the contenders; `passes`
repeats it all in processes of their own; `results` is what comes out, and `compare` tells slower from noise.
"""
