"""Dense prediction: backbones, pyramids, segmentation, detection, U-shaped networks."""
