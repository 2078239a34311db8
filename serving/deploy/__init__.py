"""What production needs beside the models: configuration, images, manifests, and publishing of
releases.
"""
