"""Benchmarks: other decoders, run in processes of their own, timed and compared with dcmturbo."""
