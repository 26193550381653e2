"""Attention in its forms, and the networks around it: language, images, latents, experts, two towers."""
