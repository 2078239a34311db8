"""What servers were asked, compared with what the models learned from, and replayed.

logs          the requests that a server logged
raw_examples  a logged request as ExampleGen would have written it
measure       statistics of such examples, aligned with those of training
compare       distances between two statistics, and a verdict for each feature
times         whether the times of requests can be what the model expects
transformed   what the served model and the pipeline's Transform make of the same request
replay        whether a release still answers as it did
"""
