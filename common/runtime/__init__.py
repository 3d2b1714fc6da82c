"""What models load, quantize and sample with: the only part of ``common`` that imports torch."""
