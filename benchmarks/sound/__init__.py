"""How well the sound guard does: faults that it is to name, and right sound about which it is to be silent."""
