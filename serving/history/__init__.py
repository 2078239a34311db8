"""Histories and profiles of users, which the gateway reads for every recommendation.

  store    the interface, and which store a URL means
  sqlite   a file on this machine, the default
  redis    a Redis server, shared by several gateways
"""
