"""What tests share: references, signals, peers, broken agents; nothing here is collected."""
