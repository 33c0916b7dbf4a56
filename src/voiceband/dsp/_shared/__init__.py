"""What the modules of the kernels share: arguments that become pointers, numbers, guards, saved states."""
