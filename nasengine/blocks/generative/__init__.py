"""Autoencoders, diffusion, style."""
