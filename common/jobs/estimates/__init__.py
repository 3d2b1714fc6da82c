"""When jobs will be done, learnt from those before them."""
