"""What serves releases: model server, gateway, history store and clients."""
