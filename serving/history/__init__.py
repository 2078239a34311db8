"""Histories and profiles of users, which the gateway reads for every recommendation.

store          the interface, and which store a URL means
sqlite         a file on this machine, the default
group_commit   its writes, as many as wait in one transaction
redis          a Redis server, shared by several gateways
"""
