"""What production needs besides models: configuration, images, manifests, release publishing."""
