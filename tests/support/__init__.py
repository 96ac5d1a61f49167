"""What tests share: real servers on free ports, and clients of them."""
